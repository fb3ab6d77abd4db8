//! The initial people, roles and projects of a local Cloud: built in, or read from TOML.
//!
//! The whole seed is checked before anything starts: ids are unique, roles exist, and an unknown field is an error that
//! names its line.

mod organizations;

use std::collections::BTreeMap;

use serde::Deserialize;

pub(crate) use organizations::{ORGANIZATION_ROLES, Organization};

/// People, roles and projects.
#[derive(Clone, Debug)]
pub struct Seed {
    pub(crate) people: Vec<Person>,
    pub(crate) roles: BTreeMap<String, Vec<String>>,
    pub(crate) projects: Vec<Project>,
    /// Of the dialect `platform`.
    pub(crate) organizations: Vec<Organization>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Person {
    pub(crate) handle: String,
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) id: String,
    pub(crate) redirect_uris: Vec<String>,
}

/// A seed as written. Every field is optional, so that an error can name the entry that lacks it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    people: Option<Vec<WrittenPerson>>,
    roles: Option<BTreeMap<String, Vec<String>>>,
    projects: Option<Vec<WrittenProject>>,
    #[serde(default)]
    organizations: Vec<Organization>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPerson {
    handle: Option<String>,
    id: Option<String>,
    name: Option<String>,
    email: Option<String>,
    role: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenProject {
    id: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
}

impl WrittenPerson {
    fn read(self, place: usize) -> Result<Person, SeedError> {
        let place = match &self.handle {
            Some(handle) => format!("people[{place}] ({handle:?})"),
            None => format!("people[{place}]"),
        };
        Ok(Person {
            handle: needed(self.handle, &place, "handle")?,
            id: self.id,
            name: needed(self.name, &place, "name")?,
            email: needed(self.email, &place, "email")?,
            role: needed(self.role, &place, "role")?,
        })
    }
}

impl WrittenProject {
    fn read(self, place: usize) -> Result<Project, SeedError> {
        Ok(Project {
            id: needed(self.id, &format!("projects[{place}]"), "id")?,
            redirect_uris: self.redirect_uris,
        })
    }
}

fn needed(value: Option<String>, place: &str, field: &str) -> Result<String, SeedError> {
    value.ok_or_else(|| SeedError(format!("{place}: {field} is missing")))
}

/// Converts each entry with its position, from 0.
fn each<W, R>(
    written: Vec<W>,
    read: impl Fn(W, usize) -> Result<R, SeedError>,
) -> Result<Vec<R>, SeedError> {
    let numbered = written.into_iter().zip(0..);
    numbered.map(|(one, place)| read(one, place)).collect()
}

/// A seed file cannot be used; says where and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SeedError(String);

impl Person {
    pub(crate) fn id(&self) -> String {
        self.id
            .clone()
            .unwrap_or_else(|| format!("usr_{}", self.handle))
    }

    fn answers_to(&self, name: &str) -> bool {
        let id = self.id();
        [
            self.handle.as_str(),
            &id,
            &self.email,
            &self.role,
            &self.name,
        ]
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name))
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            people: default_people(),
            roles: default_roles(),
            projects: default_projects(),
            organizations: Vec::new(),
        }
    }
}

impl Seed {
    /// Reads a seed from TOML. Parts that it omits are built in.
    ///
    /// # Errors
    ///
    /// [`SeedError`] with the line, or with the person, role or project that is wrong or incomplete.
    pub fn from_toml(text: &str) -> Result<Self, SeedError> {
        let written: Written =
            toml::from_str(text).map_err(|error| SeedError(error.to_string()))?;
        let roles = written.roles.unwrap_or_else(default_roles);
        let people = match written.people {
            Some(people) => each(people, WrittenPerson::read)?,
            None => built_in_people(&roles)?,
        };
        let projects = match written.projects {
            Some(projects) => each(projects, WrittenProject::read)?,
            None => default_projects(),
        };
        let seed = Self {
            people,
            roles,
            projects,
            organizations: written.organizations,
        };
        seed.check()?;
        Ok(seed)
    }

    fn check(&self) -> Result<(), SeedError> {
        let refuse = |text: String| Err(SeedError(text));
        if self.people.is_empty() || self.projects.is_empty() {
            return refuse("there must be at least one person and one project".into());
        }
        let mut seen = std::collections::BTreeSet::new();
        for person in &self.people {
            let plain = |text: &str| {
                !text.is_empty() && text.len() <= 128 && !text.chars().any(char::is_control)
            };
            if !person
                .handle
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                || person.handle.is_empty()
            {
                return refuse(format!(
                    "people: handle {:?} must be letters, digits, - or _",
                    person.handle
                ));
            }
            if !plain(&person.name) || !plain(&person.email) || !plain(&person.id()) {
                return refuse(format!(
                    "people: {:?} must have a name, an email and an id of 1 to 128 characters",
                    person.handle
                ));
            }
            if !self.roles.contains_key(&person.role) {
                return refuse(format!(
                    "people: {:?} has the role {:?}, which is not in [roles]",
                    person.handle, person.role
                ));
            }
            for unique in [person.handle.clone(), person.id()] {
                if !seen.insert(unique.clone()) {
                    return refuse(format!("people: {unique:?} appears twice"));
                }
            }
        }
        for project in &self.projects {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            if project.id.is_empty() || !project.id.bytes().all(allowed) {
                return refuse(format!(
                    "projects: id {:?} must be letters, digits, - _ or .",
                    project.id
                ));
            }
            for uri in &project.redirect_uris {
                if url::Url::parse(uri).is_err() {
                    return refuse(format!(
                        "projects: {:?} has the redirect URI {uri:?}, which is not a URL",
                        project.id
                    ));
                }
            }
        }
        organizations::check(&self.organizations, &self.people)
    }

    /// The person with this handle, id, e-mail address, role or name.
    pub(crate) fn find(&self, name: &str) -> Option<&Person> {
        self.people
            .iter()
            .find(|person| person.handle.eq_ignore_ascii_case(name))
            .or_else(|| self.people.iter().find(|person| person.answers_to(name)))
    }

    pub(crate) fn project(&self, id: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.id == id)
    }
}

/// The built-in people, if the roles they have are defined.
fn built_in_people(roles: &BTreeMap<String, Vec<String>>) -> Result<Vec<Person>, SeedError> {
    let people = default_people();
    match people
        .iter()
        .find(|person| !roles.contains_key(&person.role))
    {
        None => Ok(people),
        Some(Person { role, .. }) => Err(SeedError(format!(
            "[roles] has no {role:?}: the built-in people need the roles owner, admin, member and viewer; \
             keep them, or list [[people]]"
        ))),
    }
}

fn default_people() -> Vec<Person> {
    [
        ("owner", "Olivia Okafor", "olivia@example.com"),
        ("admin", "Anders Holm", "anders@example.com"),
        ("member", "Mei Tanaka", "mei@example.com"),
        ("viewer", "Victor Reyes", "victor@example.com"),
    ]
    .into_iter()
    .map(|(role, name, email)| built_in(role, role, name, email))
    .collect()
}

fn built_in(handle: &str, role: &str, name: &str, email: &str) -> Person {
    Person {
        handle: handle.into(),
        id: email.split('@').next().map(|part| format!("usr_{part}")),
        name: name.into(),
        email: email.into(),
        role: role.into(),
    }
}

fn default_roles() -> BTreeMap<String, Vec<String>> {
    let grants = |list: &[&str]| list.iter().map(|grant| (*grant).to_owned()).collect();
    BTreeMap::from([
        ("owner".to_owned(), grants(&["*"])),
        (
            "admin".to_owned(),
            grants(&["*:read", "*:write", "*:execute", "*:publish", "*:share"]),
        ),
        ("member".to_owned(), grants(&["*:read", "*:execute"])),
        ("viewer".to_owned(), grants(&["*:read"])),
    ])
}

fn default_projects() -> Vec<Project> {
    vec![Project {
        id: "demo".into(),
        redirect_uris: Vec::new(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_seed() {
        let seed = Seed::from_toml(include_str!("../../../examples/seed.toml")).unwrap();
        assert!(seed.find("owner").is_some());
        assert!(seed.project("demo").is_some());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, part) in [
            ("people = 7", "people"),
            (
                "[[people]]\nhandle = \"a\"\nname = \"A\"\nemail = \"a@b\"\nrole = \"king\"",
                "king",
            ),
            (
                "[[people]]\nhandle = \"a b\"\nname = \"A\"\nemail = \"a@b\"\nrole = \"owner\"",
                "a b",
            ),
            ("[[projects]]\nid = \"p q\"", "p q"),
            (
                "[[projects]]\nid = \"p\"\nredirect_uris = [\"nowhere\"]",
                "nowhere",
            ),
            ("surprise = true", "surprise"),
            ("people = []", "at least one"),
            (
                "[[people]]\nhandle = \"a\"",
                "people[0] (\"a\"): name is missing",
            ),
            ("[[people]]\nname = \"A\"", "people[0]: handle is missing"),
            (
                "[[organizations]]\nid = \"o\"\nname = \"O\"\n[organizations.members]\nking = \"admin\"",
                "organizations: \"o\" has the member \"king\", who is not in [[people]]",
            ),
            (
                "[[organizations]]\nid = \"o\"\nname = \"O\"\n[organizations.members]\nowner = \"king\"",
                "organizations: \"owner\" has the role \"king\" in \"o\"; there are: owner, admin, member, viewer",
            ),
            (
                "[[organizations]]\nid = \"o\"\nname = \"\"\nmembers = {}",
                "organizations: \"o\" must have an id of its own and a name",
            ),
            (
                "[[projects]]\nid = \"p\"\n[[projects]]",
                "projects[1]: id is missing",
            ),
            (
                "[[projects]]\nid = \"p\"\nurl = \"u\"",
                "unknown field `url`",
            ),
            (
                "[roles]\nowner = [\"*\"]",
                "[roles] has no \"admin\": the built-in people need the roles owner, admin, member and viewer; \
                 keep them, or list [[people]]",
            ),
        ] {
            let error = Seed::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn people_are_found_by_any_of_their_names() {
        let seed = Seed::default();
        for name in ["member", "MEI@example.com", "usr_mei", "Mei Tanaka"] {
            assert_eq!(
                seed.find(name).map(|person| person.handle.as_str()),
                Some("member"),
                "{name}"
            );
        }
        assert!(seed.find("nobody").is_none());
    }
}
