//! Masks what was seen before it is shown or kept: tokens, codes, verifiers and personal data.
//!
//! By structure first: of a JSON body only members that are known to be harmless keep their text, and of headers only those that say
//! nothing of a person. What cannot be read is not shown. Known secrets and everything that looks like a token or an e-mail address
//! are masked wherever they stand.

use mastra_auth_cloud_core::encoding::encode_component;
use reqwest::Url;
use serde_json::{Map, Value};

use super::exchange::{Answer, Exchange};

/// Headers of answers whose values are kept.
const HEADERS: [&str; 18] = [
    "access-control-allow-credentials",
    "access-control-allow-origin",
    "allow",
    "cache-control",
    "content-length",
    "content-security-policy",
    "content-type",
    "date",
    "location",
    "pragma",
    "referrer-policy",
    "retry-after",
    "strict-transport-security",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
];
/// Members of a token whose values are kept.
const CLAIMS: [&str; 12] = [
    "alg", "aud", "exp", "iat", "iss", "kid", "nbf", "role", "roles", "sid", "sub", "typ",
];
/// Members whose texts are kept, in bodies of any shape.
const MEMBERS: [&str; 43] = [
    "id",
    "user_id",
    "userId",
    "sub",
    "sid",
    "created_at",
    "createdAt",
    "expires_at",
    "expiresAt",
    "roles",
    "role",
    "ok",
    "message",
    "status",
    "token_type",
    "expires_in",
    "valid",
    "permissions",
    "keys",
    "kty",
    "kid",
    "alg",
    "use",
    "crv",
    "x",
    "y",
    "n",
    "e",
    "sessionId",
    "redirect_uri",
    "error_description",
    "error",
    "data",
    "user",
    "session",
    "detail",
    "authType",
    "instance",
    "memberOrgIds",
    "organizationId",
    "organizations",
    "title",
    "type",
];

/// The secrets of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets(Vec<(String, String)>);

impl Secrets {
    /// Texts of fewer than four bytes are masked by their place alone.
    pub(super) fn add(&mut self, secret: &str, name: &str) {
        let escaped = Value::from(secret).to_string();
        let forms = [
            secret.to_owned(),
            encode_component(secret),
            escaped
                .get(1..escaped.len() - 1)
                .unwrap_or_default()
                .to_owned(),
        ];
        for form in forms {
            if form.len() >= 4 && !self.0.iter().any(|(known, _)| *known == form) {
                self.0.push((form, format!("{{{name}}}")));
            }
        }
        // A text within another one must not be masked first.
        self.0.sort_by_key(|(known, _)| usize::MAX - known.len());
    }

    /// Whether a token, a code or a verifier stands in a text.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let is_proof = |name: &str| {
            ["{token", "{code", "{verifier"]
                .iter()
                .any(|own| name.starts_with(own))
        };
        let mut all = self.0.iter();
        all.any(|(secret, name)| is_proof(name) && text.contains(secret))
    }

    pub(super) fn mask(&self, Exchange { sent, came }: &mut Exchange, is_page: bool) {
        sent.line = match sent.line.split_once(' ') {
            Some((method, url)) => format!("{method} {}", self.address(url)),
            None => self.text(&sent.line),
        };
        for line in &mut sent.headers {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            *line = match (name, value.split_once(' ')) {
                ("authorization", Some((scheme, _))) => format!("{name}: {scheme} {{token}}"),
                _ => self.text(line),
            };
        }
        if let Some(body) = &mut sent.body {
            *body = self.body(body, true);
        }
        let Ok(Answer { headers, body, .. }) = came else {
            return;
        };
        for (name, value) in headers {
            *value = match name.as_str() {
                "location" => self.address(value),
                "set-cookie" => cookie(value),
                known if HEADERS.contains(&known) => self.text(value),
                _ => "{header}".to_owned(),
            };
        }
        *body = if is_page {
            format!("({} bytes)", body.len())
        } else {
            self.body(body, false)
        };
    }

    /// Of a token's header and claims, only those keep their text that name no person.
    pub(super) fn claims(&self, part: &mut Value) {
        if let Value::Object(members) = part {
            for (name, value) in members {
                self.value(value, CLAIMS.contains(&name.as_str()), name);
            }
        }
    }

    /// A body of JSON keeps its shape; of any other only its size is kept.
    fn body(&self, body: &str, is_request: bool) -> String {
        if body.is_empty() {
            return String::new();
        }
        let Ok(mut read) = serde_json::from_str::<Value>(body) else {
            return format!("({} bytes, not JSON)", body.len());
        };
        self.value(&mut read, true, if is_request { "request" } else { "" });
        read.to_string()
    }

    fn value(&self, value: &mut Value, is_kept: bool, name: &str) {
        match value {
            Value::String(text) if is_kept => *text = self.text(text),
            Value::String(text) => *text = format!("{{{name}}}"),
            Value::Array(all) => all
                .iter_mut()
                .for_each(|one| self.value(one, is_kept, name)),
            Value::Object(members) => self.members(members, is_kept, name),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn members(&self, members: &mut Map<String, Value>, is_kept: bool, of: &str) {
        for (name, value) in members {
            // A refusal's code is its reason; a request's is a secret.
            let is_reason = name == "code" && of != "request";
            let may = is_kept && (MEMBERS.contains(&name.as_str()) || is_reason);
            self.value(value, may, name);
        }
    }

    /// An address: what its query says is a secret, except for what every login says.
    fn address(&self, text: &str) -> String {
        let Ok(mut url) = Url::parse(text) else {
            return self.text(text);
        };
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        if !pairs.is_empty() {
            let mut query = url.query_pairs_mut();
            query.clear();
            for (name, value) in pairs {
                let is_kept = matches!(
                    name.as_str(),
                    "project_id"
                        | "product"
                        | "cli_port"
                        | "post_login_redirect"
                        | "redirect_uri"
                        | "post_logout_redirect_uri"
                        | "state"
                        | "code_challenge_method"
                        | "error"
                );
                let value = if is_kept {
                    self.text(&value)
                } else {
                    format!("{{{name}}}")
                };
                query.append_pair(&name, &value);
            }
        }
        self.text(url.as_str())
            .replace("%7B", "{")
            .replace("%7D", "}")
    }

    /// Any text: known secrets, and words that look like a token or an e-mail address.
    pub(super) fn text(&self, text: &str) -> String {
        let replace = |text: String, (secret, name): &(String, String)| text.replace(secret, name);
        let text = self.0.iter().fold(text.to_owned(), replace);
        let mut out = String::with_capacity(text.len());
        let mut word = String::new();
        for c in text.chars().chain(['\n']) {
            if c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '@' | '%') {
                word.push(c);
                continue;
            }
            out.push_str(masked_word(&word));
            word.clear();
            out.push(c);
        }
        out.pop();
        out
    }
}

/// Of a session's cookie, whether it has a value, and those of its attributes that say nothing of a person.
fn cookie(line: &str) -> String {
    const KEPT: [&str; 7] = [
        "httponly",
        "secure",
        "samesite=lax",
        "samesite=strict",
        "samesite=none",
        "path=/",
        "max-age=0",
    ];
    let mut parts = line.split("; ");
    let Some(value) = parts
        .next()
        .and_then(|pair| pair.strip_prefix("wos-session="))
    else {
        return "{header}".to_owned();
    };
    let value = if value.is_empty() { "" } else { "{session}" };
    let mut out = format!("wos-session={value}");
    for part in parts.filter(|part| KEPT.contains(&&*part.to_ascii_lowercase())) {
        out.push_str("; ");
        out.push_str(part);
    }
    out
}

fn masked_word(word: &str) -> &str {
    let after = word.split_once('@').or_else(|| word.split_once("%40"));
    let is_mail = after.is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if is_mail {
        "{email}"
    } else if word.contains("eyJ") && word.contains('.') {
        "{token}"
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add("code_1", "code");
        secrets.add("code_1.signature", "token");
        secrets.add("a+b/c=", "code");
        secrets.add("Zo\u{eb} \"Z\"", "name");
        secrets
    }

    #[test]
    fn a_known_secret_is_masked_in_every_form() {
        let secrets = secrets();
        for (text, expect) in [
            ("Bearer code_1.signature; code_1", "Bearer {token}; {code}"),
            ("?code=a%2Bb%2Fc%3D&x", "?code={code}&x"),
            ("say Zo\u{eb} \\\"Z\\\"", "say {name}"),
            (
                "to ada@example.com, ada%40example.com",
                "to {email}, {email}",
            ),
            (
                "Token eyJhbGciOiJFZERTQSJ9.e30.AAAA is bad",
                "Token {token} is bad",
            ),
            ("user@host, a.b, 50% off", "user@host, a.b, 50% off"),
        ] {
            assert_eq!(secrets.text(text), expect);
        }
    }

    #[test]
    fn of_a_body_only_known_members_keep_their_text() {
        let secrets = secrets();
        let body = r#"{"ok":true,"data":{"user":{"id":"usr_1","name":"Kim","email":"k@x.example","metadata":{"phone":"1"},"roles":["user"]},"token":"opaque","refresh_token":"r"}}"#;
        assert_eq!(
            secrets.body(body, false),
            r#"{"data":{"refresh_token":"{refresh_token}","token":"{token}","user":{"email":"{email}","id":"usr_1","metadata":{"phone":"{phone}"},"name":"{name}","roles":["user"]}},"ok":true}"#
        );
        assert_eq!(
            secrets.body(r#"{"code":"abc","error":{"code":"no"}}"#, true),
            r#"{"code":"{code}","error":{"code":"no"}}"#
        );
        assert_eq!(secrets.body("<b>opaque</b>", false), "(13 bytes, not JSON)");
        let url = "http://localhost:4111/callback?code=xyz&state=s&access_token=t";
        assert_eq!(
            secrets.address(url),
            "http://localhost:4111/callback?code={code}&state=s&access_token={access_token}"
        );
    }
}
