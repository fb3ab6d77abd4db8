//! What a `Set-Cookie` line asks of a browser. The value is never kept.

use jiff::fmt::rfc2822;

/// How the names of the plugin's login cookies begin.
const OF_THE_PLUGIN: &str = "mastra_login";
/// How the names of cookies begin that proxies and load balancers add to an answer.
const OF_PROXIES: [&str; 18] = [
    "AWSALB",
    "AWSELB",
    "ARRAffinity",
    "ApplicationGatewayAffinity",
    "BIGipServer",
    "TS01",
    "GCLB",
    "GCILB",
    "INGRESSCOOKIE",
    "SERVERID",
    "NSC_",
    "citrix_ns_id",
    "__cf",
    "_cf",
    "cf_",
    "incap_ses_",
    "nlbi_",
    "visid_incap_",
];

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Cookie {
    pub(super) name: String,
    pub(super) is_secure: bool,
    pub(super) is_http_only: bool,
    /// In lower case.
    pub(super) same_site: Option<String>,
    /// In lower case, without a dot before it.
    pub(super) domain: Option<String>,
    pub(super) path: Option<String>,
    /// It is empty or has expired: a browser that has it removes it.
    pub(super) is_gone: bool,
}

impl Cookie {
    /// Reads a line as a browser does (RFC 6265, section 5.2); `now` is in seconds since the Unix epoch.
    pub(super) fn read(line: &str, now: i64) -> Self {
        let mut parts = line.split(';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (mut lasts, mut expires) = (None::<i64>, None);
        let mut cookie = Self {
            name: name.trim().to_owned(),
            is_gone: value.trim().is_empty(),
            ..Self::default()
        };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "secure" => cookie.is_secure = true,
                "httponly" => cookie.is_http_only = true,
                "samesite" => cookie.same_site = Some(value.to_ascii_lowercase()),
                "domain" => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    cookie.domain = (!domain.is_empty()).then_some(domain);
                }
                "path" => cookie.path = Some(value.to_owned()),
                "max-age" => lasts = value.parse().ok().or(lasts),
                "expires" => expires = date(value).or(expires),
                _ => {}
            }
        }
        let is_past = expires.is_some_and(|at| at <= now);
        cookie.is_gone |= lasts.map_or(is_past, |seconds| seconds <= 0);
        cookie
    }

    /// Why a browser drops it, whatever the host; `None` where it keeps it.
    pub(super) fn dropped(&self, is_https: bool) -> Option<&'static str> {
        let is_host = self.name.starts_with("__Host-");
        if self.is_secure && !is_https {
            Some("is Secure, and the page is not https")
        } else if (is_host || self.name.starts_with("__Secure-")) && !self.is_secure {
            Some("has a prefix that is for Secure cookies, and is not Secure")
        } else if is_host && (self.domain.is_some() || self.path.as_deref() != Some("/")) {
            Some("begins with __Host-, and has a Domain or another Path than /")
        } else if self.same_site.as_deref() == Some("none") && !self.is_secure {
            Some("is SameSite=None without Secure")
        } else {
            None
        }
    }

    pub(super) fn is_for(&self, host: &str) -> bool {
        (self.domain.as_deref()).is_none_or(|domain| {
            host == domain
                || host
                    .strip_suffix(domain)
                    .is_some_and(|rest| rest.ends_with('.'))
        })
    }

    /// Whether a browser that has it puts the other one in its place.
    pub(super) fn is_replaced_by(&self, other: &Self) -> bool {
        (&self.name, &self.domain, &self.path) == (&other.name, &other.domain, &other.path)
    }

    /// Whether it can be the one of a login: at Mastra Cloud the plugin's own, elsewhere any that no proxy added.
    pub(super) fn is_of_login(&self, is_cloud: bool) -> bool {
        let name = self.name.strip_prefix("__Host-").unwrap_or(&self.name);
        if is_cloud {
            let bare = name.strip_prefix("__Secure-").unwrap_or(name);
            bare.starts_with(OF_THE_PLUGIN)
        } else {
            !OF_PROXIES.iter().any(|begin| name.starts_with(begin))
        }
    }

    /// Whether it comes back with a request for a path, where the answer at `set_by` set it (RFC 6265, section 5.1.4).
    pub(super) fn comes_with(&self, path: &str, set_by: &str) -> bool {
        let folder = set_by.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = if folder.is_empty() { "/" } else { folder };
        let own = (self.path.as_deref()).filter(|own| own.starts_with('/'));
        let own = own.unwrap_or(folder);
        path.strip_prefix(own)
            .is_some_and(|rest| rest.is_empty() || own.ends_with('/') || rest.starts_with('/'))
    }
}

/// A date in a cookie, also in the old form with dashes.
fn date(text: &str) -> Option<i64> {
    let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let date = parser.parse_timestamp(text.replace('-', " ")).ok()?;
    Some(date.as_second())
}
