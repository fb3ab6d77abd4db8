//! How an address affects its cookies: whether they can be Secure, and whether other ports of its host may serve another
//! deployment.
//!
//! Cookies ignore ports (RFC 6265 section 8.5). The address need not be the app's own.

use ::url::Url;

use super::{is_loopback, parse_web};

/// How browsers reach an address. Exhaustive: an address is one of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Over https.
    Https,
    /// Over plain http on this machine. Safari keeps no Secure cookie there.
    LoopbackHttp,
    /// Over plain http elsewhere.
    Http,
}

/// How an address affects its cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// How browsers reach the address.
    pub scheme: Scheme,
    /// Whether it names a port other than the scheme's own.
    pub has_port: bool,
}

/// The parts of a request that show the address that the browser asked for.
#[derive(Clone, Copy, Default)]
pub struct RequestAddress<'r> {
    /// `x-mastra-public-host`
    pub public_host: Option<&'r str>,
    /// `x-forwarded-host`
    pub forwarded_host: Option<&'r str>,
    /// `host`
    pub host: Option<&'r str>,
    /// `x-forwarded-proto`
    pub forwarded_proto: Option<&'r str>,
    /// The request's own URL.
    pub url: Option<&'r str>,
}

impl Site {
    /// An https address without a port.
    pub const DEFAULT: Self = Self {
        scheme: Scheme::Https,
        has_port: false,
    };

    pub(super) fn of(url: &Url) -> Self {
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            _ if is_loopback(url) => Scheme::LoopbackHttp,
            _ => Scheme::Http,
        };
        Self {
            scheme,
            has_port: url.port().is_some(),
        }
    }

    /// The address of a request, see [`RequestAddress::origin`].
    pub fn of_request(request: &RequestAddress<'_>) -> Option<Self> {
        request.url().map(|url| Self::of(&url))
    }
}

impl RequestAddress<'_> {
    /// The origin of a request, by the rules of a Mastra server: the hosts in their order, the first of each list. Where a proxy
    /// names the host, https is assumed.
    pub fn origin(&self) -> Option<String> {
        self.url().map(|url| url.origin().ascii_serialization())
    }

    fn url(&self) -> Option<Url> {
        let first = |list: &str| Some(list.split(',').next()?.trim().to_owned());
        let named = |list: Option<&str>| list.and_then(first).filter(|text| !text.is_empty());
        let proxied = named(self.public_host).or_else(|| named(self.forwarded_host));
        let address = match (proxied, self.host.filter(|host| !host.is_empty())) {
            (Some(host), _) => format!("https://{host}"),
            (None, Some(host)) => {
                let own = self.url.and_then(|url| url.split_once("://"));
                let own = own.map_or("http", |(scheme, _)| scheme).to_owned();
                let scheme = named(self.forwarded_proto).unwrap_or(own);
                format!("{scheme}://{host}")
            }
            (None, None) => self.url?.to_owned(),
        };
        parse_web(&address).ok().map(|web| web.url)
    }
}

redacted!(RequestAddress<'_>);

#[cfg(test)]
mod tests {
    use super::*;
    use Scheme::{Http, Https, LoopbackHttp};

    #[test]
    fn a_request_is_for_the_address_that_a_mastra_server_takes_it_for() {
        let request = |public_host, forwarded_host, host, forwarded_proto, url| {
            let request = RequestAddress {
                public_host,
                forwarded_host,
                host,
                forwarded_proto,
                url,
            };
            Site::of_request(&request).map(|site| (site.scheme, site.has_port))
        };
        let inside = Some("http://localhost:4111/api");
        let desk = Some("localhost:4111");
        let app = Some("app.example.com");
        for (given, expect) in [
            ((None, None, desk, None, inside), Some((LoopbackHttp, true))),
            ((None, None, desk, None, None), Some((LoopbackHttp, true))),
            ((None, None, None, None, inside), Some((LoopbackHttp, true))),
            (
                (None, None, Some("localhost"), None, inside),
                Some((LoopbackHttp, false)),
            ),
            (
                (None, None, Some("[::1]:4111"), None, inside),
                Some((LoopbackHttp, true)),
            ),
            (
                (None, None, app, Some("https"), inside),
                Some((Https, false)),
            ),
            (
                (None, None, app, Some("https, http"), inside),
                Some((Https, false)),
            ),
            (
                (
                    None,
                    None,
                    Some("app.example.com:8443"),
                    Some("https"),
                    inside,
                ),
                Some((Https, true)),
            ),
            (
                (
                    None,
                    None,
                    Some("app.example.com:443"),
                    Some("https"),
                    inside,
                ),
                Some((Https, false)),
            ),
            ((None, None, app, None, inside), Some((Http, false))),
            (
                (None, None, Some("localhost.evil.com"), None, inside),
                Some((Http, false)),
            ),
            (
                (None, app, desk, Some("http"), inside),
                Some((Https, false)),
            ),
            (
                (None, Some("app.example.com, localhost"), desk, None, inside),
                Some((Https, false)),
            ),
            (
                (app, Some("localhost:1"), desk, None, inside),
                Some((Https, false)),
            ),
            (
                (Some(""), None, desk, None, inside),
                Some((LoopbackHttp, true)),
            ),
            ((None, None, Some("a b"), None, inside), None),
            ((None, None, Some("localhost@evil.com"), None, inside), None),
            ((None, None, desk, Some("javascript"), inside), None),
            ((None, None, None, None, Some("/api")), None),
            ((None, None, None, None, None), None),
        ] {
            let (public, forwarded, host, proto, url) = given;
            assert_eq!(
                request(public, forwarded, host, proto, url),
                expect,
                "{given:?}"
            );
        }
    }

    #[test]
    fn a_request_has_the_origin_of_its_address() {
        let request = |host, url| RequestAddress {
            public_host: None,
            forwarded_host: None,
            host,
            forwarded_proto: None,
            url,
        };
        let of = |host, url| request(host, url).origin();
        let (inside, origin) = (
            Some("http://localhost:4111/api"),
            Some("http://localhost:4111".to_owned()),
        );
        assert_eq!(of(None, inside), origin);
        assert_eq!(of(Some("a b"), inside), None);
    }
}
