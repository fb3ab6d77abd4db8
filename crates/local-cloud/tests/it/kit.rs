//! What a test of an app does with a Cloud in its own process.

use crate::desk::{BOTH, Desk};

#[tokio::test]
async fn a_person_is_signed_in_and_changed_by_any_of_their_names() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let control = desk.cloud.control();
        for name in ["member", "usr_mei", "MEI@example.com", "Mei Tanaka"] {
            let member = control.sign_in_as(name).unwrap();
            assert_eq!(member.user_id, "usr_mei", "{name}");
            assert_eq!(desk.verify(&member.token).send().await.status, 200);
            assert!(control.set_role(name, "admin"), "{name}");
            assert!(!control.set_role(name, "king"), "{name}");
            let again = control.sign_in_as(name).unwrap();
            assert!(control.end_session(&again.session_id));
            assert_eq!(control.end_sessions_of(name), 1, "{name}");
            assert_eq!(desk.verify(&member.token).send().await.status, 401);
        }
        assert!(control.sign_in_as("nobody").is_none());
        assert!(!control.set_role("nobody", "admin"));
        assert_eq!(control.end_sessions_of("nobody"), 0);
    }
}

#[tokio::test]
async fn what_a_sign_in_gives_fits_the_app_and_shows_no_token() {
    let desk = Desk::new(BOTH[0]).await;
    let member = desk.cloud.control().sign_in_as("member").unwrap();
    let cookie = format!("mastra_session={}", member.token);
    assert_eq!(member.cookie(), cookie);
    assert_eq!(member.secure_cookie(), format!("__Host-{cookie}"));
    assert!(member.expires_at > std::time::SystemTime::now());
    assert!(!format!("{member:?}").contains(&member.token));
}
