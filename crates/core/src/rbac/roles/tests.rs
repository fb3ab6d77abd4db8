//! Roles: which grants each one gets, and which get none.

use super::*;

fn mapping() -> RoleMapping {
    RoleMapping::from_json(r#"{"b": ["b:read", "x:read"], "a": ["a:read", "x:read", "a:read"], "none": [], "_default": ["d:read", "x:read"]}"#)
        .unwrap()
}

fn granted(mapping: &RoleMapping, roles: &[&str]) -> Vec<String> {
    let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    mapping
        .permissions(&roles)
        .iter()
        .map(str::to_owned)
        .collect()
}

#[test]
fn grants_come_once_and_in_order() {
    let mapping = mapping();
    assert_eq!(granted(&mapping, &["a"]), ["a:read", "x:read"]);
    assert_eq!(
        granted(&mapping, &["b", "a"]),
        ["b:read", "x:read", "a:read"]
    );
    assert_eq!(
        granted(&mapping, &["a", "b", "a"]),
        ["a:read", "x:read", "b:read"]
    );
    assert_eq!(mapping.roles().collect::<Vec<_>>(), ["b", "a", "none"]);
}

#[test]
fn threat_063_unknown_role_gets_default_only() {
    let mapping = mapping();
    for unknown in ["who", "A", "a ", "", "_default", "\u{430}", "a\u{301}"] {
        assert_eq!(
            granted(&mapping, &[unknown]),
            ["d:read", "x:read"],
            "{unknown:?}"
        );
        assert!(mapping.permissions_for_role(unknown).allows("d:read"));
        assert!(!mapping.permissions_for_role(unknown).allows("a:read"));
    }
    assert_eq!(
        granted(&mapping, &["who", "else", "_default", "a"]),
        ["d:read", "x:read", "a:read"]
    );
    assert_eq!(
        granted(&mapping, &["none"]),
        [""; 0],
        "a known role without grants is not an unknown role"
    );

    let strict = RoleMapping::from_json(r#"{"a": ["a:read"]}"#).unwrap();
    for unknown in ["who", "A", "_default", ""] {
        assert!(
            strict.permissions(&[unknown.to_owned()]).is_empty(),
            "{unknown:?}"
        );
        assert!(
            strict.permissions_for_role(unknown).is_empty(),
            "{unknown:?}"
        );
    }
}

#[test]
fn threat_066_no_rule_is_no() {
    let mapping = RoleMapping::from_json(r#"{"_default": ["*"], "a": ["*"]}"#).unwrap();
    assert!(
        mapping.permissions(&[]).is_empty(),
        "nobody gets _default without a role"
    );
    assert!(!mapping.permissions(&[]).allows("agents:read"));
    let empty = RoleMapping::from_json("{}").unwrap();
    assert!(
        !empty
            .permissions(&["owner".to_owned()])
            .allows("agents:read")
    );
    assert!(empty.roles().next().is_none());
    assert!(!Permissions::default().allows("agents:read"));
}

#[test]
fn the_default_roles_are_the_documented_ones() {
    let mapping = RoleMapping::default_roles();
    assert_eq!(
        mapping.roles().collect::<Vec<_>>(),
        ["owner", "admin", "member", "viewer"]
    );
    for (role, action, allowed) in [
        ("owner", "delete", true),
        ("owner", "read", true),
        ("admin", "read", true),
        ("admin", "write", true),
        ("admin", "execute", true),
        ("admin", "publish", true),
        ("admin", "share", true),
        ("admin", "delete", false),
        ("admin", "create", false),
        ("member", "read", true),
        ("member", "execute", true),
        ("member", "write", false),
        ("viewer", "read", true),
        ("viewer", "execute", false),
        ("Owner", "read", false),
        ("nobody", "read", false),
    ] {
        assert_eq!(
            mapping
                .permissions_for_role(role)
                .allows(&format!("agents:{action}")),
            allowed,
            "{role} {action}"
        );
    }
    assert_eq!(mapping.malformed().count(), 0);
    for role in DEFAULT_ROLES {
        assert!(
            !role.display_name.is_empty() && role.description.ends_with('.'),
            "{}",
            role.name
        );
    }
}

#[test]
fn a_mapping_is_read_strictly() {
    for (text, word) in [
        ("", "JSON object"),
        ("null", "JSON object"),
        ("[]", "JSON object"),
        ("{", "JSON object"),
        ("{} x", "JSON object"),
        (r#""a""#, "JSON object"),
        (r#"{"a": "a:read"}"#, "\"a\" must be a list"),
        (r#"{"a": null}"#, "\"a\" must be a list"),
        (r#"{"a": ["a:read", 1]}"#, "\"a\" must be a list"),
        (r#"{"a": [["a:read"]]}"#, "\"a\" must be a list"),
        (r#"{"b": [], "a": {"x": 1}}"#, "\"a\" must be a list"),
        (r#"{"a": [], "a": ["*"]}"#, "\"a\" must not stand twice"),
        (
            r#"{"_default": [], "_default": ["*"]}"#,
            "\"_default\" must not stand twice",
        ),
        (
            r#"{"a": [], "\u0061": ["*"]}"#,
            "\"a\" must not stand twice",
        ),
        (r#"{"": []}"#, "\"\" must not be empty"),
        (r#"{"a\n": []}"#, r#""a\n" must not"#),
    ] {
        let error = RoleMapping::from_json(text).unwrap_err();
        assert_eq!(error.code(), "invalid_configuration", "{text}");
        assert!(
            error.message().contains(word),
            "{text}: {}",
            error.message()
        );
        assert!(!error.message().chars().any(char::is_control));
    }
    let entry = |role: &str| (role.to_owned(), Permissions::new(["a:read"]));
    assert!(RoleMapping::new([entry("a"), entry("b")]).is_ok());
    assert!(RoleMapping::new([entry("a"), entry("a")]).is_err());
}

#[test]
fn malformed_grants_are_kept_and_reported() {
    let mapping =
        RoleMapping::from_json(r#"{"a": ["agents", "agents:read"], "_default": [""]}"#).unwrap();
    assert_eq!(
        mapping.malformed().collect::<Vec<_>>(),
        [("a", "agents"), ("_default", "")]
    );
    assert!(mapping.permissions_for_role("a").allows("agents:read"));
    assert!(!mapping.permissions_for_role("a").allows("agents:write"));
}
