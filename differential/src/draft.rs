//! A token before it is signed: members as they will be written, so that what is no JSON can be written too.

use crate::dice::Dice;
use crate::setting::{Algorithm, Deployment, NOW, Setting, base64url, sign_with};

/// Members in order, each a name and a value as text of JSON.
pub(crate) type Members = Vec<(String, String)>;

/// How the signature is made.
pub(crate) enum Signed {
    By(Algorithm),
    /// An HMAC under one of the public keys' spellings.
    WithSecret(Vec<u8>),
    /// These bytes, whatever was signed.
    As(Vec<u8>),
}

pub(crate) struct Draft {
    pub(crate) deployment: Deployment,
    pub(crate) algorithm: Algorithm,
    pub(crate) header: Members,
    pub(crate) claims: Members,
    /// Changes the text of one of both after its members are written down.
    pub(crate) edits: Vec<(Part, Edit)>,
    pub(crate) signed: Signed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Header,
    Claims,
}

pub(crate) type Edit = Box<dyn FnOnce(&mut Vec<u8>)>;

fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

impl Draft {
    /// One that holds in every respect.
    pub(crate) fn good(dice: &mut Dice) -> Self {
        let algorithm = *dice.pick(&Algorithm::ALL);
        let deployment = match algorithm {
            Algorithm::Hs256 => Deployment::Secret,
            _ => Deployment::Keys,
        };
        let member = |name: &str, value: String| (text(name), value);
        Self {
            deployment,
            algorithm,
            header: vec![
                member("alg", text(algorithm.name())),
                member("kid", text(algorithm.name())),
                member("typ", text("JWT")),
            ],
            claims: vec![
                member("iss", text(crate::setting::ISSUER)),
                member("aud", text(crate::setting::AUDIENCE)),
                member("sub", text("usr_1")),
                member("sid", text("ses_1")),
                member("name", text("Ada")),
                member("roles", r#"["admin","member"]"#.into()),
                member("iat", (NOW - 60).to_string()),
                member("nbf", (NOW - 60).to_string()),
                member("exp", (NOW + 900).to_string()),
            ],
            edits: vec![],
            signed: Signed::By(algorithm),
        }
    }

    pub(crate) fn members(&mut self, part: Part) -> &mut Members {
        match part {
            Part::Header => &mut self.header,
            Part::Claims => &mut self.claims,
        }
    }

    pub(crate) fn render(self, setting: &Setting) -> String {
        let (mut header, mut claims) = (object(&self.header), object(&self.claims));
        for (part, edit) in self.edits {
            edit(match part {
                Part::Header => &mut header,
                Part::Claims => &mut claims,
            });
        }
        let input = format!("{}.{}", base64url(&header), base64url(&claims));
        let signature = match self.signed {
            Signed::By(algorithm) => setting.sign(algorithm, input.as_bytes()),
            Signed::WithSecret(secret) => sign_with(&secret, input.as_bytes()),
            Signed::As(bytes) => bytes,
        };
        format!("{input}.{}", base64url(&signature))
    }
}

fn object(members: &Members) -> Vec<u8> {
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

/// Writes a member's value: where it stands, or as the last.
pub(crate) fn set(members: &mut Members, name: &str, value: impl Into<String>) {
    let name = text(name);
    match members.iter_mut().find(|(known, _)| *known == name) {
        Some((_, old)) => *old = value.into(),
        None => members.push((name, value.into())),
    }
}

pub(crate) fn remove(members: &mut Members, name: &str) {
    let name = text(name);
    members.retain(|(known, _)| *known != name);
}
