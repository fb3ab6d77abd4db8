//! The session cookie of one deployment: its name and attributes at an address, and which names count for a request.
//!
//! The address decides: over https, and nowhere else, the cookie is Secure and its name begins with `__Host-`. Cookies ignore
//! ports. So where the address has a port, the default name ends in a suffix of the deployment's own; the name without it is
//! still read, after the own one. Below a path the default name always ends in that suffix, and no other name is read. A
//! configured name is used as it is.

use super::build::{CookieSpec, SetCookie};
use super::names::{Counted, HOST_PREFIX, Kind, Names};
use super::options::{CookieOptions, Prefix, SameSite, Secure};
use crate::dialect::Dialect;
use crate::encoding::{hex, sha256_parts};
use crate::error::CloudApiError;
use crate::ids::ProjectId;
use crate::url::{BaseUrl, Scheme, Site, takes_domain};

/// Hexadecimal digits of the suffix: enough to tell the deployments on one host apart.
const SUFFIX_DIGITS: usize = 8;

/// Where a deployment runs: what to assume while no address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Stage {
    /// Public, over https.
    Production,
    /// Unknown.
    #[default]
    Unknown,
    /// On a developer's machine, where every page may be served over plain http.
    Desk,
}

/// The session cookie options of a deployment.
#[derive(Clone, Debug, Default)]
pub struct SessionCookieOptions {
    /// The name without prefix, used as it is; `None` for the dialect's own, with a suffix where needed.
    pub name: Option<String>,
    /// The dialect, which has a default name.
    pub dialect: Dialect,
    /// Whether the cookie is sent over https only; `None` to let each address decide.
    pub secure: Option<Secure>,
    /// Whether the name gets `__Host-`.
    pub prefix: Prefix,
    /// Which requests from other sites carry the cookie.
    pub same_site: SameSite,
    /// The domain whose hosts all get the cookie.
    pub domain: Option<String>,
    /// The path below which the cookie is sent; empty for the whole host.
    pub path: String,
    /// The address, where all requests have the same.
    pub site: Option<Site>,
    /// Where the deployment runs.
    pub stage: Stage,
}

/// The session cookie of one deployment, at every address.
#[derive(Clone, Debug)]
pub struct SessionCookies {
    names: Names,
    faces: Faces,
    site: Option<Site>,
    stage: Stage,
}

/// The cookie with the deployment's suffix, where it has one, and without it.
#[derive(Clone, Debug)]
struct Pair {
    own: CookieSpec,
    bare: CookieSpec,
}

#[derive(Clone, Debug)]
enum Faces {
    /// The same at every address.
    One(Pair),
    /// One for https, and one for plain http.
    ByAddress { https: Pair, http: Pair },
}

/// One cookie with exactly this name at every address.
impl From<CookieSpec> for SessionCookies {
    fn from(spec: CookieSpec) -> Self {
        let name = spec.name();
        Self {
            names: Names::new(name.strip_prefix(HOST_PREFIX).unwrap_or(name), None),
            faces: Faces::One(Pair {
                own: spec.clone(),
                bare: spec,
            }),
            site: None,
            stage: Stage::Unknown,
        }
    }
}

impl SessionCookies {
    /// Checks the options of a deployment.
    ///
    /// # Errors
    ///
    /// `invalid_configuration`, naming the option and the rule.
    pub fn new(
        options: &SessionCookieOptions,
        base_url: &BaseUrl,
        project_id: &ProjectId,
    ) -> Result<Self, CloudApiError> {
        let digits = || suffix(base_url, project_id, &options.path);
        let has_port = options.site.is_none_or(|site| site.has_port);
        let default = options.dialect.table().cookie;
        let (base, suffix) = match &options.name {
            Some(name) => (name.clone(), None),
            // Browsers send a cookie of a parent path as well, so only the own name counts.
            None if !options.path.is_empty() => (format!("{default}{}", digits()), None),
            None => (default.to_owned(), has_port.then(digits)),
        };
        let spec = |name: String, secure| {
            CookieSpec::new(CookieOptions {
                name,
                secure,
                prefix: options.prefix,
                same_site: options.same_site,
                domain: options.domain.clone(),
                path: options.path.clone(),
            })
        };
        let pair = |secure| -> Result<Pair, CloudApiError> {
            let bare = spec(base.clone(), secure)?;
            let own = match &suffix {
                Some(suffix) => spec(format!("{base}{suffix}"), secure)?,
                None => bare.clone(),
            };
            Ok(Pair { own, bare })
        };
        let said = options.site.map(|site| secure_at(site, options.stage));
        let faces = if let Some(secure) = options.secure.or(said) {
            Faces::One(pair(secure)?)
        } else {
            let https = pair(Secure::Yes)?;
            match pair(Secure::No) {
                // Below a path the two names differ by `__Secure-`, and no request shows which of them counts.
                Ok(http) if !options.path.is_empty() && http.bare.name() != https.bare.name() => {
                    return Err(CloudApiError::configuration(
                        "cookie path needs the address that requests come to, or that secure is said",
                    ));
                }
                Ok(http) => Faces::ByAddress { https, http },
                // A cookie that must be Secure is so at every address.
                Err(_) => Faces::One(https),
            }
        };
        let shortest = match &faces {
            Faces::One(pair) | Faces::ByAddress { http: pair, .. } => pair.bare.name(),
        };
        let base = shortest.strip_prefix(HOST_PREFIX).unwrap_or(shortest);
        Ok(Self {
            names: Names::new(base, suffix.as_deref()),
            faces,
            site: options.site,
            stage: options.stage,
        })
    }

    /// The cookie to set at an address; where that is unknown, the most likely one.
    pub fn at(&self, site: Option<Site>) -> &CookieSpec {
        let (secure, has_port) = self.assumed(site);
        let pair = self.pair(secure);
        if has_port { &pair.own } else { &pair.bare }
    }

    /// Checks that browsers keep the cookie at this origin.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where the Domain is neither the origin's host nor above it.
    pub fn check_origin(&self, origin: &str) -> Result<(), CloudApiError> {
        match self.at(None).domain() {
            Some(domain) if !takes_domain(origin, domain) => Err(CloudApiError::configuration(
                "cookie domain must be the host that a sign-in comes back to, or a domain above it: browsers drop it",
            )),
            _ => Ok(()),
        }
    }

    /// Whether a Domain shares the cookie with this origin.
    pub fn is_shared_with(&self, origin: &str) -> bool {
        let domain = self.at(None).domain();
        domain.is_some_and(|domain| takes_domain(origin, domain))
    }

    /// The header that makes a browser delete the cookie under one of the names.
    pub(crate) fn clear(&self, kind: Kind, site: Option<Site>) -> SetCookie {
        let (assumed, _) = self.assumed(site);
        let is_told_apart =
            matches!(&self.faces, Faces::ByAddress { https, .. } if is_prefixed(https));
        let secure = match (is_told_apart, kind.is_prefixed) {
            (true, true) => Secure::Yes,
            (true, false) => Secure::No,
            (false, _) => assumed,
        };
        let pair = self.pair(secure);
        let spec = if kind.is_suffixed {
            &pair.own
        } else {
            &pair.bare
        };
        spec.clear()
    }

    /// Which names count for a request to an address.
    pub(crate) fn counted(&self, site: Option<Site>) -> Counted {
        match (&self.faces, site) {
            (Faces::One(pair) | Faces::ByAddress { https: pair, .. }, _) if !is_prefixed(pair) => {
                Counted::Unprefixed
            }
            (Faces::One(_), _) => Counted::Prefixed,
            (Faces::ByAddress { .. }, None) => Counted::Undecided,
            (Faces::ByAddress { .. }, Some(site)) => match secure_at(site, self.stage) {
                Secure::Yes => Counted::Prefixed,
                Secure::No => Counted::Both,
            },
        }
    }

    /// Which names count, where it must be decided now.
    pub(crate) fn counted_now(&self, site: Option<Site>) -> Counted {
        match self.counted(site) {
            Counted::Undecided if self.assumed(None).0 == Secure::No => Counted::Both,
            Counted::Undecided => Counted::Prefixed,
            counted => counted,
        }
    }

    /// Finds the cookies in a header.
    pub(crate) const fn names(&self) -> &Names {
        &self.names
    }

    /// The cookie in each of its forms.
    pub(crate) fn faces(&self) -> impl Iterator<Item = &CookieSpec> {
        let (first, second) = match &self.faces {
            Faces::One(pair) => (pair, None),
            Faces::ByAddress { https, http } => {
                // With a Domain both have one name.
                let is_other = https.bare.name() != http.bare.name();
                (https, is_other.then_some(http))
            }
        };
        core::iter::once(first).chain(second).map(|pair| &pair.bare)
    }

    /// Whether the deployment is in production.
    pub(crate) fn is_production(&self) -> bool {
        self.stage == Stage::Production
    }

    /// Whether a cookie has a fallback name: it may be another deployment's.
    pub(crate) fn is_fallback(&self, kind: Kind) -> bool {
        self.names
            .rank(kind, Counted::Both)
            .is_some_and(|rank| rank % 2 == 1)
    }

    fn assumed(&self, site: Option<Site>) -> (Secure, bool) {
        match self.site.or(site) {
            Some(site) => (secure_at(site, self.stage), site.has_port),
            None if self.stage == Stage::Desk => (Secure::No, true),
            None => (Secure::Yes, self.stage != Stage::Production),
        }
    }

    const fn pair(&self, secure: Secure) -> &Pair {
        match (&self.faces, secure) {
            (Faces::One(pair), _) => pair,
            (Faces::ByAddress { https, .. }, Secure::Yes) => https,
            (Faces::ByAddress { http, .. }, Secure::No) => http,
        }
    }
}

fn is_prefixed(pair: &Pair) -> bool {
    pair.bare.name().starts_with(HOST_PREFIX)
}

/// Whether a cookie can be Secure at an address. Over plain http elsewhere browsers keep no Secure cookie, and an insecure
/// one is allowed only on a developer's own network.
const fn secure_at(site: Site, stage: Stage) -> Secure {
    match (site.scheme, stage) {
        (Scheme::LoopbackHttp, _) | (Scheme::Http, Stage::Desk) => Secure::No,
        _ => Secure::Yes,
    }
}

/// The suffix is the same in every language, so that services of one deployment share a session. It depends on the path,
/// since browsers send cookies of a parent path as well.
fn suffix(base_url: &BaseUrl, project_id: &ProjectId, path: &str) -> String {
    let parts: [&[u8]; 4] = [
        b"session cookie",
        base_url.as_str().as_bytes(),
        project_id.as_str().as_bytes(),
        path.as_bytes(),
    ];
    let digest = sha256_parts(if path.is_empty() { &parts[..3] } else { &parts });
    let digits: String = hex(&digest).chars().take(SUFFIX_DIGITS).collect();
    format!("_{digits}")
}
