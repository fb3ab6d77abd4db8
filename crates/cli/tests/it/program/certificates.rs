//! The commands at a host whose certificate is wrong: an outage, and neither a refusal nor a sign-out.

use std::fs;

use super::{Desk, tells_nothing};
use crate::process::finish;
use crate::tls::Certificate::{Expired, Good, SelfSigned, WrongHost};

#[tokio::test(flavor = "multi_thread")]
async fn threat_073_no_certificate_that_is_wrong_is_a_refusal_or_loses_a_sign_in() {
    let desk = Desk::over_tls(|_| {}).await;
    let front = desk.front.as_ref().unwrap();
    let keys = format!("{}/.well-known/jwks.json", front.url());
    let commands = [
        &["whoami"][..],
        &["tokens", "list"],
        &["jwks", "lint", &keys],
        &["check", "--dialect", "platform", "--base-url", front.url()],
        &["logout"],
    ];
    for certificate in [SelfSigned, WrongHost, Expired, Good] {
        let code = if certificate == Good { 0 } else { 4 };
        let signed_in = desk.signed_in(None);
        let kept = fs::read(desk.file()).unwrap();
        for command in commands {
            let what = format!("{certificate:?} {command:?}");
            let is_sign_out = command == ["logout"];
            front.present(certificate).await;
            let met = front.wrong();
            let done = desk.run(command);
            assert_eq!(done.code, Some(code), "{what}: {done:?}");
            assert!(certificate == Good || front.wrong() > met, "{what}");
            assert_eq!(desk.names().is_empty(), is_sign_out, "{what}");
            assert!(
                is_sign_out || fs::read(desk.file()).unwrap() == kept,
                "{what}"
            );
            tells_nothing(&done, &[signed_in.refresh_token.as_ref().unwrap()]);
            if is_sign_out {
                let are_good = desk.takes(&signed_in).await == (true, true);
                assert_eq!(are_good, certificate != Good, "{what}");
                let is_said = done.stdout.matches("NOT revoked").count() == 2;
                assert_eq!(is_said, are_good, "{what}: {done:?}");
            }
        }
        let login = desk.command(&["login", "--no-browser"]);
        if certificate != Good {
            let done = finish(login, b"");
            assert_eq!(done.code, Some(4), "{certificate:?} login: {done:?}");
            assert!(desk.names().is_empty(), "{certificate:?}");
        }
    }
}
