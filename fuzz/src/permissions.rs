//! Permissions and roles, beside a second reader of their rules.

use std::collections::BTreeSet;

use mastra_auth_cloud_core::rbac::pattern::{Permission, Permissions, matches};
use mastra_auth_cloud_core::rbac::roles::{DEFAULT_ENTRY, RoleMapping};
use serde_json::Value;

use super::json::reference;

/// Grants, a line each, and in the last line what is required. A list allows what one of its grants does, and that is what the
/// documented table says.
pub fn permission(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (grants, required) = text.rsplit_once('\n').unwrap_or(("", &text));
    let grants: Vec<&str> = grants.split('\n').collect();
    let mut is_allowed = false;
    for grant in &grants {
        let covers = covers(grant, required);
        assert_eq!(matches(grant, required), covers, "{grant:?} {required:?}");
        is_allowed |= covers;
        let parsed = Permission::parse(grant);
        assert!(!covers || parsed.is_ok());
        if let Ok(parsed) = parsed {
            assert_eq!(Permission::parse(parsed.as_str()).as_ref(), Ok(&parsed));
            assert_eq!(parsed.to_string(), *grant);
        }
    }
    let all = Permissions::new(grants.iter().copied());
    assert_eq!(all.allows(required), is_allowed);
    assert_eq!(all.allows_all([required]), is_allowed);
    assert_eq!(all.allows_any([required]), is_allowed);
    let is_malformed = |grant: &&&str| Permission::parse(grant).is_err();
    let malformed: Vec<&str> = grants.iter().filter(is_malformed).copied().collect();
    assert_eq!(all.malformed().collect::<Vec<_>>(), malformed);
    assert_eq!(Permission::parse(required).is_ok(), matches("*", required));
}

fn covers(grant: &str, required: &str) -> bool {
    let read = |text: &str| -> Option<Vec<String>> {
        let text = if text == "*" { "*:*" } else { text };
        let parts: Vec<String> = text.split(':').map(str::to_owned).collect();
        let is_odd = |c: char| c.is_whitespace() || c.is_control();
        let is_good = parts.len() > 1
            && parts
                .iter()
                .all(|part| !part.is_empty() && !part.contains(is_odd));
        is_good.then_some(parts)
    };
    let (Some(grant), Some(required)) = (read(grant), read(required)) else {
        return false;
    };
    let is_family =
        grant[0] == "stored" && required[0].len() > 7 && required[0].starts_with("stored-");
    (grant[0] == "*" || grant[0] == required[0] || is_family)
        && (grant[1] == "*" || grant[1] == required[1])
        && (grant.len() < 3 || grant.get(2) == required.get(2))
}

/// A role mapping. It is read where it is an object of lists of texts, and grants each role what stands there.
pub fn roles(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mapping = RoleMapping::from_json(&text);
    let said = reference(text.as_bytes()).filter(|found| !found.is_repeated);
    let said = said.and_then(|found| match found.value {
        Value::Object(roles) => Some(roles),
        _ => None,
    });
    let grants = |list: &Value| -> Option<Vec<String>> {
        list.as_array()?
            .iter()
            .map(|one| Some(one.as_str()?.to_owned()))
            .collect()
    };
    let is_name = |role: &str| !role.is_empty() && !role.chars().any(char::is_control);
    let said = said.filter(|roles| {
        roles
            .iter()
            .all(|(role, list)| is_name(role) && grants(list).is_some())
    });
    let Some(said) = said else {
        assert!(mapping.is_err());
        return;
    };
    let mapping = mapping.unwrap();
    let names: BTreeSet<&str> = mapping.roles().collect();
    assert!(
        said.keys()
            .all(|role| role == DEFAULT_ENTRY || names.contains(&**role))
    );
    for (role, grant) in mapping.malformed() {
        assert!(Permission::parse(grant).is_err());
        assert!(grants(&said[role]).unwrap().iter().any(|own| own == grant));
    }
    let default = said.get(DEFAULT_ENTRY).and_then(grants).unwrap_or_default();
    for (role, list) in &said {
        let found = mapping.permissions_for_role(role);
        assert_eq!(found.iter().collect::<Vec<_>>(), grants(list).unwrap());
        let alone = mapping.permissions(std::slice::from_ref(role));
        assert!(
            grants(list)
                .unwrap()
                .iter()
                .all(|grant| alone.iter().any(|own| own == grant))
        );
    }
    let unknown = mapping.permissions_for_role("a role that no mapping names");
    assert_eq!(unknown.iter().collect::<Vec<_>>(), default);
    assert!(mapping.permissions(&[]).is_empty());
    let every: Vec<String> = said.keys().cloned().collect();
    let together = mapping.permissions(&every);
    let mut seen = BTreeSet::new();
    assert!(together.iter().all(|grant| seen.insert(grant)));
    assert!(
        every
            .iter()
            .flat_map(|role| grants(&said[role]).unwrap())
            .all(|grant| seen.contains(&*grant))
    );
}
