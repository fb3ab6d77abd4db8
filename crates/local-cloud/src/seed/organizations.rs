//! The organizations of a seed, which the dialect `platform` alone has, and the people that it has besides.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Person, Seed, SeedError, built_in, default_people};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Organization {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Roles by the handles of people.
    pub(crate) members: BTreeMap<String, String>,
}

/// The roles of an organization's members. Clients take an owner for an admin.
pub(crate) const ORGANIZATION_ROLES: [&str; 4] = ["owner", "admin", "member", "viewer"];

/// Ids are unique, and members are people of the seed with a role that there is.
pub(super) fn check(list: &[Organization], people: &[Person]) -> Result<(), SeedError> {
    let mut seen = BTreeSet::new();
    for organization in list {
        let (id, name) = (&organization.id, &organization.name);
        if id.is_empty() || name.is_empty() || !seen.insert(id) {
            return Err(SeedError(format!(
                "organizations: {id:?} must have an id of its own and a name"
            )));
        }
        for (handle, role) in &organization.members {
            if !people.iter().any(|person| person.handle == *handle) {
                return Err(SeedError(format!(
                    "organizations: {id:?} has the member {handle:?}, who is not in [[people]]"
                )));
            }
            if !ORGANIZATION_ROLES.contains(&role.as_str()) {
                return Err(SeedError(format!(
                    "organizations: {handle:?} has the role {role:?} in {id:?}; there are: {}",
                    ORGANIZATION_ROLES.join(", ")
                )));
            }
        }
    }
    Ok(())
}

impl Seed {
    /// The seed of the dialect `platform`. Where it has no organization, the built-in people get two, and two people more: one of
    /// the second organization alone, and one of none. Other people get one organization, with their own roles.
    pub(crate) fn of_platform(mut self) -> Self {
        if !self.organizations.is_empty() {
            return self;
        }
        let members = |list: &[(&str, &str)]| {
            list.iter()
                .map(|(handle, role)| ((*handle).to_owned(), (*role).to_owned()))
                .collect()
        };
        let organization = |id: &str, name: &str, members| Organization {
            id: id.into(),
            name: name.into(),
            members,
        };
        if self.people != default_people() {
            let role = |person: &Person| match &*person.role {
                known if ORGANIZATION_ROLES.contains(&known) => known.to_owned(),
                _ => "member".to_owned(),
            };
            let all = self.people.iter();
            let all = all.map(|person| (person.handle.clone(), role(person)));
            self.organizations = vec![organization("org_acme", "Acme", all.collect())];
            return self;
        }
        for (handle, name, email, role) in [
            ("outsider", "Gita Rao", "gita@example.com", "admin"),
            ("newcomer", "Noor Haddad", "noor@example.com", "viewer"),
        ] {
            self.people.push(built_in(handle, role, name, email));
        }
        let acme = [
            ("owner", "admin"),
            ("admin", "admin"),
            ("member", "member"),
            ("viewer", "viewer"),
        ];
        let globex = [
            ("outsider", "admin"),
            ("admin", "member"),
            ("owner", "viewer"),
        ];
        self.organizations = vec![
            organization("org_acme", "Acme", members(&acme)),
            organization("org_globex", "Globex", members(&globex)),
        ];
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_of_ones_own_are_in_one_organization_with_their_roles() {
        let people = "[[people]]\nhandle = \"a\"\nname = \"A\"\nemail = \"a@b\"\nrole = \"viewer\"
[[people]]\nhandle = \"b\"\nname = \"B\"\nemail = \"b@b\"\nrole = \"chief\"
[roles]\nviewer = []\nchief = []";
        let seed = Seed::from_toml(people).unwrap().of_platform();
        assert_eq!(seed.people.len(), 2);
        let [one] = &*seed.organizations else {
            panic!("there is one");
        };
        let members = [("a", "viewer"), ("b", "member")];
        let members = members.map(|(handle, role)| (handle.to_owned(), role.to_owned()));
        assert_eq!(one.members, BTreeMap::from(members));
    }
}
