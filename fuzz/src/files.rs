//! Files that other programs write.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use mastra_auth_cloud::program::CredentialsFile;
use mastra_auth_local_cloud::PinnedKey;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("mastra-auth-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
});

/// The credentials file: a byte that says whether it is written anew, and its text. The token is the one that another reader finds,
/// and a file that is written anew keeps every member. No error shows what the file holds.
pub fn credentials(data: &[u8]) {
    let [is_written, text @ ..] = data else {
        return;
    };
    let path = FOLDER.join("credentials.json");
    fs::write(&path, text).unwrap();
    let file = CredentialsFile::at(&path);
    let said = serde_json::from_slice::<Value>(text);
    let found = match file.read() {
        Ok(found) => found,
        Err(error) => {
            let message = format!("{error} {error:?}");
            assert!(!message.contains("c4nary"), "{message}");
            return;
        }
    };
    let said = said.unwrap();
    let Some(found) = found else {
        assert!(said["token"].is_null());
        return;
    };
    assert_eq!(said["token"].as_str(), Some(found.token().expose()));
    if is_written % 16 != 1 {
        return;
    }
    RUNTIME.block_on(async {
        let locked = file.lock().await.unwrap();
        locked.new_file().unwrap().write(&found).unwrap();
        let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let (written, said) = (written.as_object().unwrap(), said.as_object().unwrap());
        for (name, value) in said
            .iter()
            .filter(|(_, value)| !value.is_null() && !has_fraction(value))
        {
            assert_eq!(written.get(name), Some(value), "{name}");
        }
        let again = locked.read().unwrap().unwrap();
        assert_eq!(again.token().expose(), found.token().expose());
        assert_eq!(again.organization(), found.organization());
    });
}

/// The last digit of a fraction may get lost.
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(members) => members.values().any(has_fraction),
        _ => false,
    }
}

/// A signing key of the user's own. It is read as the same key each time, and an error shows nothing of it.
pub fn signing_key(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match PinnedKey::parse(&text) {
        Ok(key) => {
            assert!((1..=256).contains(&key.kid().len()));
            assert!(key.kid().bytes().all(|byte| matches!(byte, b' '..=b'~')));
            let again = PinnedKey::parse(&text).unwrap();
            assert_eq!(
                (again.kid(), again.algorithm()),
                (key.kid(), key.algorithm())
            );
        }
        Err(error) => assert!(!format!("{error} {error:?}").contains("c4nary")),
    }
}
