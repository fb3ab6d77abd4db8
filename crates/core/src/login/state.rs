//! The `state` of a sign-in (RFC 6749 section 4.1.1): an unguessable id, and the path to return to.
//!
//! A host makes it as `id|encoded path` and gets only the id back at the end. So everything is bound to the id. The path is
//! sanitised on the way out and again on the way in, since it comes back through the browser.

use zeroize::Zeroizing;

use crate::encoding::{base64url, decode_component, encode_component};
use crate::entropy::Entropy;
use crate::error::{CloudApiError, Code};
use crate::url::ReturnPath;

const MAX_ID_BYTES: usize = 256;

/// The parameter of the redirect URI and of the return path that brings a sign-in's id back, where the Cloud replaces the
/// state.
pub const STATE_PARAMETER: &str = "mastra_state";

/// The platform's name for sign-ins of deployed apps. It comes back in place of the state's id.
pub(crate) const PRODUCT: &str = "deploy";

/// The unguessable part of a state. Never printed: it binds a browser to a login.
pub struct StateId(Zeroizing<String>);

impl StateId {
    pub(crate) fn parse(text: &str) -> Result<Self, CloudApiError> {
        let visible = |b: u8| b.is_ascii_graphic() && b != b'|';
        if (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(visible) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(CloudApiError::new(Code::StateMalformed))
        }
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// A whole state: the id, and the return path where the host gave one.
#[derive(Debug)]
pub struct State {
    id: StateId,
    return_path: Option<ReturnPath>,
}

impl State {
    /// Makes a new state of 256 random bits.
    pub fn generate(entropy: Entropy, return_path: ReturnPath) -> Self {
        let id = StateId(Zeroizing::new(base64url(entropy.into_bytes().as_slice())));
        Self {
            id,
            return_path: Some(return_path),
        }
    }

    /// Parses `id` or `id|encoded path`; a path that leads away from `own_origin` becomes `/`. A path may bring the id instead, in
    /// its query: see [`STATE_PARAMETER`]. The platform writes the path as it is beside its product's name.
    ///
    /// # Errors
    ///
    /// `state_malformed` where the id is not 1 to 256 visible ASCII characters.
    pub fn parse(text: &str, own_origin: Option<&str>) -> Result<Self, CloudApiError> {
        let (id, path) = match text.split_once('|') {
            Some((id, path)) => (id, Some(path)),
            None => (text, None),
        };
        let sanitize = |path: &str| {
            if is_decoded(id, path) {
                return ReturnPath::sanitize(path, own_origin);
            }
            decode_component(path).map_or_else(ReturnPath::default, |path| {
                ReturnPath::sanitize(&path, own_origin)
            })
        };
        let return_path = path.map(sanitize);
        let marked = return_path.as_ref().and_then(|path| unmark(path.as_str()));
        match marked {
            Some((own, path)) if id == PRODUCT || id == own => Ok(Self {
                id: StateId::parse(&own)?,
                return_path: Some(ReturnPath::sanitize(&path, own_origin)),
            }),
            _ => Ok(Self {
                id: StateId::parse(id)?,
                return_path,
            }),
        }
    }

    /// The same return path under another id.
    pub(crate) fn under(self, id: StateId) -> Self {
        Self { id, ..self }
    }

    /// The id that binds all parts of this login.
    pub const fn id(&self) -> &StateId {
        &self.id
    }

    /// The path to return to; `/` by default.
    pub fn return_path(&self) -> ReturnPath {
        self.return_path.clone().unwrap_or_default()
    }

    /// The state as sent to the Cloud: the id unchanged, the path sanitised, and no suffix where there was none.
    pub fn outgoing(&self) -> Zeroizing<String> {
        Zeroizing::new(match &self.return_path {
            Some(path) => format!("{}|{}", self.id.expose(), encode_component(path.as_str())),
            None => self.id.expose().to_owned(),
        })
    }
}

/// Whether a state's path is no longer encoded: beside the product's name, where it begins as a path does.
fn is_decoded(id: &str, path: &str) -> bool {
    id == PRODUCT && path.starts_with('/')
}

/// A state under its own id, which came back elsewhere.
pub(crate) fn with_id(state: &str, id: &str) -> String {
    match state.split_once('|') {
        Some((name, path)) if is_decoded(name, path) => format!("{id}|{}", encode_component(path)),
        Some((_, path)) => format!("{id}|{path}"),
        None => format!("{id}|"),
    }
}

/// A path with the id in its query.
pub(crate) fn mark(path: &str, id: &str) -> String {
    let (path, fragment) = path.split_at(path.find('#').unwrap_or(path.len()));
    let joint = if path.contains('?') { '&' } else { '?' };
    let id = encode_component(id);
    format!("{path}{joint}{STATE_PARAMETER}={id}{fragment}")
}

/// The id that a return path brings, and the path without any. Of several the last counts, which [`mark`] wrote: the others were in
/// the path before, which is the text of a stranger.
fn unmark(path: &str) -> Option<(String, String)> {
    let (path, fragment) = path.split_at(path.find('#').unwrap_or(path.len()));
    let (path, query) = path.split_once('?')?;
    let id_of = |part| str::strip_prefix(part, STATE_PARAMETER)?.strip_prefix('=');
    let id = query.split('&').rev().find_map(id_of)?;
    let others: Vec<_> = query
        .split('&')
        .filter(|part| id_of(part).is_none())
        .collect();
    let joint = if others.is_empty() { "" } else { "?" };
    let others = others.join("&");
    let path = format!("{path}{joint}{others}{fragment}");
    Some((decode_component(id)?, path))
}

redacted!(StateId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_state_goes_out_as_it_came() {
        for text in [
            "7d0e4f2a-uuid|%2Fagents%3Ftab%3D1",
            "7d0e4f2a-uuid",
            "7d0e4f2a-uuid|%2F",
        ] {
            assert_eq!(*State::parse(text, None).unwrap().outgoing(), text);
        }
    }

    #[test]
    fn threat_056_the_return_path_is_sanitised_at_every_use() {
        for path in [
            "%2F%2Fevil.com",
            "https%3A%2F%2Fevil.com",
            "%2F%5Cevil",
            "%ff",
            "javascript%3Aalert(1)",
        ] {
            let state =
                State::parse(&format!("id|{path}"), Some("https://app.example.com")).unwrap();
            assert_eq!(*state.outgoing(), "id|%2F", "{path}");
        }
        let own = State::parse(
            "id|https%3A%2F%2Fapp.example.com%2Fagents",
            Some("https://app.example.com"),
        )
        .unwrap();
        assert_eq!(own.return_path().as_str(), "/agents");
    }

    #[test]
    fn a_return_path_with_ids_of_a_stranger_brings_the_own_one() {
        for (path, back, expect) in [
            ("/", "/?mastra_state=own", "/"),
            ("/?", "/?&mastra_state=own", "/?"),
            ("/a?b#c", "/a?b&mastra_state=own#c", "/a?b#c"),
            (
                "/a?mastra_state=other&b",
                "/a?mastra_state=other&b&mastra_state=own",
                "/a?b",
            ),
            (
                "/a?mastra_state=own",
                "/a?mastra_state=own&mastra_state=own",
                "/a",
            ),
            (
                "/#?mastra_state=other",
                "/?mastra_state=own#?mastra_state=other",
                "/#?mastra_state=other",
            ),
        ] {
            assert_eq!(mark(path, "own"), back);
            for id in [PRODUCT, "own"] {
                let state = State::parse(&format!("{id}|{}", encode_component(back)), None);
                let state = state.unwrap();
                assert_eq!(state.id().expose(), "own");
                assert_eq!(state.return_path().as_str(), expect);
            }
        }
    }

    #[test]
    fn a_path_renames_no_state_of_another_name() {
        let text = "other|%2Fa%3Fmastra_state%3Down";
        let state = State::parse(text, None).unwrap();
        assert_eq!(state.id().expose(), "other");
        assert_eq!(*state.outgoing(), text);
    }

    #[test]
    fn an_id_is_bounded_and_visible() {
        for bad in ["", "|x", "a b", "a\n", "ü"] {
            assert!(State::parse(bad, None).is_err(), "{bad:?}");
        }
        assert!(State::parse(&"i".repeat(256), None).is_ok());
        assert!(State::parse(&"i".repeat(257), None).is_err());
        let made = State::generate(Entropy::new([7; 32]), ReturnPath::default());
        assert_eq!(made.id().expose().len(), 43);
    }
}
