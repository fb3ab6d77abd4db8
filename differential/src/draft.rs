//! A token before it is signed: members as they will be written, so that what is no JSON can be written too.

use fastrand::Rng;

use crate::setting::{AUDIENCE, Algorithm, Deployment, ISSUER, NOW, Setting, base64url, sign_with};

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
    edits: Vec<(Part, Box<dyn FnOnce(&mut Vec<u8>)>)>,
    pub(crate) signed: Signed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Header,
    Claims,
}

fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// The value that a time or the issuer has in a good token, without quotation marks.
pub(crate) fn good(name: &str) -> String {
    match name {
        "exp" => (NOW + 900).to_string(),
        "iss" => ISSUER.to_owned(),
        _ => (NOW - 60).to_string(),
    }
}

impl Draft {
    /// One that holds in every respect.
    pub(crate) fn good(rng: &mut Rng) -> Self {
        let algorithm = *pick(rng, &Algorithm::ALL);
        let deployment = match algorithm {
            Algorithm::Hs256 => Deployment::Secret,
            _ => Deployment::Keys,
        };
        let name = text(algorithm.name());
        let members = |members: &[(&str, &str)]| -> Members {
            let member = |(name, value): &(&str, &str)| (text(name), (*value).to_owned());
            members.iter().map(member).collect()
        };
        Self {
            deployment,
            algorithm,
            header: members(&[("alg", &name), ("kid", &name), ("typ", r#""JWT""#)]),
            claims: members(&[
                ("iss", &text(ISSUER)),
                ("aud", &text(AUDIENCE)),
                ("sub", r#""usr_1""#),
                ("sid", r#""ses_1""#),
                ("name", r#""Ada""#),
                ("roles", r#"["admin","member"]"#),
                ("iat", &good("iat")),
                ("nbf", &good("nbf")),
                ("exp", &good("exp")),
            ]),
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

    pub(crate) fn edit(&mut self, part: Part, edit: impl FnOnce(&mut Vec<u8>) + 'static) {
        self.edits.push((part, Box::new(edit)));
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
    let members = members
        .iter()
        .map(|(name, value)| format!("{name}:{value}"));
    let members: Vec<_> = members.collect();
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

/// One of them.
pub(crate) fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}

pub(crate) fn either(rng: &mut Rng) -> Part {
    *pick(rng, &[Part::Header, Part::Claims])
}
