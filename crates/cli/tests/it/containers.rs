//! The recipes of `examples/containers`, as far as no container is needed: what they start, and what they tell an app.

use std::path::PathBuf;

use mastra_auth_cloud::{Authentication, MastraCloudAuth};
use reqwest::StatusCode;
use serde_json::Value;

use crate::browser::Browser;
use crate::dev::dev;
use crate::process::{command, finish};

fn example(file: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/containers");
    PathBuf::from(folder).join(file)
}

fn words(list: &Value) -> Vec<String> {
    let words = list.as_array().unwrap().iter();
    words
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

/// The words of the image's program, and the file that says how the services go together.
fn recipes() -> (Vec<String>, Value) {
    let image = std::fs::read_to_string(example("Dockerfile")).unwrap();
    let entry = image
        .lines()
        .find_map(|line| line.strip_prefix("ENTRYPOINT "));
    let compose = std::fs::read_to_string(example("compose.yaml")).unwrap();
    (
        words(&serde_json::from_str(entry.unwrap()).unwrap()),
        serde_saphyr::from_str(&compose).unwrap(),
    )
}

#[tokio::test]
async fn the_image_is_a_cloud_for_the_app_that_stands_beside_it() {
    let (image, compose) = recipes();
    let services = &compose["services"];
    assert_eq!(image[..2], ["mastra-auth", "dev"]);
    let seed = example("seed.toml").display().to_string();
    let (mut own, mut told) = (image[2..].to_vec(), words(&services["cloud"]["command"]));
    let mount = words(&services["cloud"]["volumes"]).concat();
    let inside = mount
        .strip_prefix("./seed.toml:")
        .unwrap()
        .strip_suffix(":ro")
        .unwrap();
    for word in told.iter_mut().filter(|word| *word == inside) {
        word.clone_from(&seed);
    }
    own.append(&mut told);
    assert!(own.contains(&seed), "{own:?}");
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let (_dev, cloud) = dev(&own);
    let port = cloud.strip_prefix("http://cloud:").unwrap().to_owned();

    // An app elsewhere gets its people back, at a route of its own or at the server's.
    let app = &services["app"]["environment"];
    let project = app["MASTRA_PROJECT_ID"].as_str().unwrap();
    let here = format!("http://localhost:{port}");
    let begun = format!("{here}/auth/oss?project_id={project}&state=s&redirect_uri");
    for (path, status) in [
        ("/auth/callback", StatusCode::OK),
        ("/api/auth/sso/callback", StatusCode::OK),
        ("/elsewhere", StatusCode::BAD_REQUEST),
    ] {
        let login = format!("{begun}=http://app:4111{path}");
        assert_eq!(Browser::new().get(&login).await.status, status, "{path}");
    }

    // The Cloud that the app is told of is the one that the image says it is, and no other machine is asked.
    assert_eq!(app["MASTRA_CLOUD_URL"], "http://cloud:4300");
    assert_eq!(app["MASTRA_LOCAL_CLOUD_FOR_TESTS"], "true");
    let options = || MastraCloudAuth::builder().project_id(project);
    let named = options().base_url("http://cloud:4300");
    assert!(named.local_cloud_for_tests(true).build().is_ok());
    let reached = options()
        .base_url(&here)
        .local_cloud_for_tests(true)
        .build();

    // How the container is asked whether it is healthy, every second: no person is signed in for that.
    let check = words(&services["cloud"]["healthcheck"]["test"]);
    assert_eq!(check[..3], ["CMD", "node", "-e"]);
    let asked = check[3].split('\'').nth(1).unwrap();
    let asked = asked.replace(":4300", &format!(":{port}"));
    assert_eq!(Browser::new().get(&asked).await.text, "ok");

    let words = ["token", "new", "--as", "member", "--cloud-url", &here];
    let token = finish(command(&words), b"");
    assert_eq!(token.code, Some(0), "{token:?}");
    let who = reached
        .unwrap()
        .authenticate_token(token.stdout.trim())
        .await;
    assert!(matches!(who, Authentication::Authenticated(user) if user.user().has_role("member")));
}

#[test]
fn the_services_share_a_network_that_leads_nowhere() {
    let (_, compose) = recipes();
    assert_eq!(compose["networks"]["tests"]["internal"], true);
    for (name, service) in compose["services"].as_object().unwrap() {
        assert_eq!(words(&service["networks"]), ["tests"], "{name}");
        assert!(service.get("ports").is_none(), "{name}");
    }
}
