//! Addresses: the Cloud's, the app's, the callback's, the path to return to, and the state that holds it.

use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::login::state::State;
use mastra_auth_cloud_core::malformed::Malformed;
use mastra_auth_cloud_core::url::{
    BaseUrl, KeySetUrl, MAX_RETURN_BYTES, MAX_URL_BYTES, PublicUrl, RedirectUri, RequestAddress,
    ReturnPath, Scheme, Site,
};
use url::{Host, Url};

use super::script::Script;

/// An address, in each of its roles. What is accepted leads for a browser where it says: to a host without user info, over
/// https or on this machine; and the form that is passed on is accepted as the same.
pub fn address(data: &[u8]) {
    let mut script = Script(data);
    let (text, path) = (script.text(), script.text());
    if let Ok(base) = BaseUrl::parse(&text) {
        let url = plain(&text, base.origin());
        assert!(is_private(&url) && url.query().is_none() && url.fragment().is_none());
        assert_eq!(base.to_string(), base.as_str());
        is_kept(&BaseUrl::parse(base.as_str()), base.as_str(), &base);
        assert_eq!(base.is_loopback(), is_loopback(&url));
        let joined = Url::parse(&base.join("auth/login")).unwrap();
        assert_eq!(joined.origin(), url.origin());
        assert!(joined.path().ends_with("/auth/login"));
    }
    if let Ok(base) = BaseUrl::of_local_cloud(&text) {
        let url = plain(&text, base.origin());
        assert!(url.scheme() == "http" && base.is_local());
    }
    if let Ok(keys) = KeySetUrl::parse(&text) {
        let url = Url::parse(&text).unwrap();
        assert!(is_private(&url) && url.fragment().is_none());
        assert_eq!(keys.to_string(), keys.as_str());
        is_kept(&KeySetUrl::parse(keys.as_str()), keys.as_str(), &keys);
    }
    if let Ok(callback) = RedirectUri::parse(&text) {
        let url = plain(&text, callback.origin());
        assert_eq!(
            (callback.as_str(), &*callback.to_string()),
            (&*text, &*text)
        );
        assert!(url.fragment().is_none());
        assert_eq!(callback.site().has_port, url.port().is_some());
    }
    let Ok(app) = PublicUrl::parse(&text) else {
        return;
    };
    let url = plain(&text, app.origin());
    assert!(is_private(&url) && app.is_same_origin(app.origin()) && !app.is_same_origin("null"));
    assert_eq!(app.is_secure(), url.scheme() == "https");
    assert_eq!(app.is_loopback(), is_loopback(&url));
    assert_eq!(app.site().has_port, url.port().is_some());
    let joined = Url::parse(&app.join("/auth/callback")).unwrap();
    assert_eq!(joined.origin(), url.origin());
    assert!(joined.path().ends_with("/auth/callback"));
    is_kept(&PublicUrl::parse(&app.to_string()), &app.to_string(), &app);
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    assert!(app.is_reached_by(host), "{host}");
    let sanitized = ReturnPath::sanitize(&path, Some(app.origin()));
    let placed = sanitized.place(&app);
    assert_eq!(placed.place(&app).as_str(), placed.as_str());
    if sanitized.as_str().starts_with('/') {
        let landed = Url::parse(app.origin())
            .unwrap()
            .join(placed.as_str())
            .unwrap();
        assert_eq!(landed.origin(), url.origin());
        assert!(landed.path().starts_with(app.path()), "{landed}");
    }
}

/// The form that is passed on is read as the same. It may be too long: other letters than those of ASCII grow in it.
fn is_kept<T: PartialEq + std::fmt::Debug>(again: &Result<T, Malformed>, text: &str, address: &T) {
    assert!(
        text.len() > MAX_URL_BYTES || again.as_ref() == Ok(address),
        "{again:?}"
    );
}

/// The origin that a browser takes a text for.
fn plain(text: &str, origin: &str) -> Url {
    let url = Url::parse(text).unwrap();
    assert_eq!(url.origin().ascii_serialization(), origin);
    assert!(url.username().is_empty() && url.password().is_none());
    url
}

fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host().unwrap() {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

pub const APP: &str = "https://app.example.com";
const DESK: &str = "http://localhost:4111";

/// A path to return to. A browser stays on the origin, or between loopback hosts; what is kept is kept again as it is.
pub fn return_path(data: &[u8]) {
    let [own, text @ ..] = data else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    let own = [None, Some(APP), Some(DESK)][usize::from(*own) % 3];
    stays(&ReturnPath::sanitize(&text, own), own);
}

pub fn stays(path: &ReturnPath, own: Option<&str>) {
    let text = path.as_str();
    assert!(
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\'),
        "{text}"
    );
    assert!(text.len() <= MAX_RETURN_BYTES);
    assert_eq!(ReturnPath::sanitize(text, own).as_str(), text);
    let origin = Url::parse(own.unwrap_or(APP)).unwrap();
    for page in ["/", "/api/auth/sso/callback?code=1&state=2"] {
        let landed = origin.join(page).unwrap().join(text).unwrap();
        let is_own = landed.origin() == origin.origin();
        assert!(
            is_own || own == Some(DESK) && is_loopback(&landed),
            "{landed}"
        );
    }
}

/// A state as a host or a browser brings it. What goes out comes back as the same state, which goes out as it came.
pub fn state(data: &[u8]) {
    let [own, text @ ..] = data else {
        return;
    };
    let own = [None, Some(APP), Some(DESK)][usize::from(*own) % 3];
    let Ok(state) = State::parse(&String::from_utf8_lossy(text), own) else {
        return;
    };
    stays(&state.return_path(), own);
    let out = state.outgoing();
    assert!(out.bytes().all(|byte| byte.is_ascii_graphic()), "{}", *out);
    let back = State::parse(&out, own).unwrap();
    assert_eq!(*back.outgoing(), *out);
    assert_eq!(back.return_path().as_str(), state.return_path().as_str());
    let made = State::generate(Entropy::new([7; 32]), state.return_path());
    let back = State::parse(&made.outgoing(), own).unwrap();
    assert_eq!(back.return_path().as_str(), state.return_path().as_str());
}

/// The headers that name the address of a request. A port and a scheme are those of the URL that a browser would have.
pub fn site(data: &[u8]) {
    let mut script = Script(data);
    let mut texts = [const { String::new() }; 5];
    let is_there = script.byte();
    for text in &mut texts {
        *text = script.text();
    }
    let text = |at: usize| (is_there & 1 << at != 0).then_some(texts[at].as_str());
    let request = RequestAddress {
        public_host: text(0),
        forwarded_host: text(1),
        host: text(2),
        forwarded_proto: text(3),
        url: text(4),
    };
    let site = Site::of_request(&request);
    let is_proxied = [0, 1].into_iter().filter_map(text).any(|list| {
        list.split(',')
            .next()
            .is_some_and(|first| !first.trim().is_empty())
    });
    match site {
        Some(site) if is_proxied => assert_eq!(site.scheme, Scheme::Https),
        // A host that is this machine is never taken for one elsewhere.
        Some(site) if text(2) == Some("localhost:4111") => assert_ne!(site.scheme, Scheme::Http),
        _ => {}
    }
    assert!(is_there != 0 || site.is_none());
    if let Some(origin) = request.origin() {
        let url = Url::parse(&origin).unwrap();
        assert_eq!(url.origin().ascii_serialization(), origin);
        assert_eq!(site.unwrap().has_port, url.port().is_some());
    }
}
