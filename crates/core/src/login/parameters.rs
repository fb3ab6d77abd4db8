//! The parameters that a callback's query brings. They come through the browser: nothing here is checked but their number.

use url::form_urlencoded;

use super::state::{STATE_PARAMETER, with_id};

/// The parameters of a callback, each as the query has it. Never printed: the code may be a session.
#[derive(Default)]
pub struct CallbackParameters {
    /// The authorization code, or the sealed session in its place.
    pub code: Option<String>,
    /// The whole state, `id|encoded path`. It has the sign-in's own id where the redirect URI brought that back in
    /// [`STATE_PARAMETER`].
    pub state: Option<String>,
    /// Why the Cloud ends the sign-in (RFC 6749 section 4.1.2.1).
    pub error: Option<String>,
    /// With which code the callback failed before, in the address of a page that comes here again by itself.
    pub again: Option<String>,
}

impl CallbackParameters {
    /// Reads a query without its `?`. None if a parameter is repeated: two readers could each take another one.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::login::parameters::CallbackParameters;
    ///
    /// let read = CallbackParameters::read("code=c1&state=deploy%7C%2Fagents&mastra_state=id").unwrap();
    /// assert_eq!(read.state.as_deref(), Some("id|%2Fagents"));
    /// assert!(CallbackParameters::read("code=c1&code=c2").is_none());
    /// ```
    pub fn read(query: &str) -> Option<Self> {
        let (mut read, mut id) = (Self::default(), None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "code" => &mut read.code,
                "state" => &mut read.state,
                "error" => &mut read.error,
                "again" => &mut read.again,
                STATE_PARAMETER => &mut id,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        if let Some(id) = id {
            let state = read.state.unwrap_or_default();
            read.state = Some(with_id(&state, &id));
        }
        Some(read)
    }
}

redacted!(CallbackParameters);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_counts_once_and_an_id_of_its_own_takes_the_states_place() {
        let state = |query| CallbackParameters::read(query).map(|read| read.state);
        for (query, expect) in [
            ("", Some(None)),
            ("code=c&other=1&other=2", Some(None)),
            ("state=id%7C%252F", Some(Some("id|%2F"))),
            (
                "mastra_state=own&state=deploy%7C%252Fa",
                Some(Some("own|%2Fa")),
            ),
            (
                "mastra_state=own&state=deploy%7C%2Fs%3Fq%3Da%2526b",
                Some(Some("own|%2Fs%3Fq%3Da%2526b")),
            ),
            ("mastra_state=own&state=deploy", Some(Some("own|"))),
            ("mastra_state=own", Some(Some("own|"))),
            ("state=a&state=a", None),
            ("code=a&%63ode=b", None),
            ("error=a&error=", None),
            ("again=a&again=a", None),
            ("mastra_state=a&state=b&mastra_state=a", None),
        ] {
            let expect = expect.map(|state: Option<&str>| state.map(str::to_owned));
            assert_eq!(state(query), expect, "{query}");
        }
        let read = CallbackParameters::read("code=secret&state=s&error=e").unwrap();
        assert_eq!(format!("{read:?}"), "CallbackParameters([redacted])");
    }
}
