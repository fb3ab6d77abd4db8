/** People, roles and projects of a local Cloud for tests, as the TOML that its program reads. */

/** What is left out is built in: the people `owner`, `admin`, `member` and `viewer`, their roles, and the project `demo`. */
export interface LocalCloudSeed {
  readonly people?: readonly LocalCloudPerson[] | undefined;
  /** Permissions by role: `resource:action[:id]`, with `*` for any. */
  readonly roles?: Readonly<Record<string, readonly string[]>> | undefined;
  /** The first one is the project that people sign in to. */
  readonly projects?: readonly LocalCloudProject[] | undefined;
  /** Of the dialect `platform`. Default: one of all the people; for the built-in people two, with `outsider` and `newcomer` besides. */
  readonly organizations?: readonly LocalCloudOrganization[] | undefined;
}

export interface LocalCloudPerson {
  readonly handle: string;
  /** Default: `usr_` and the handle. */
  readonly id?: string | undefined;
  readonly name: string;
  readonly email: string;
  readonly role: string;
}

export interface LocalCloudProject {
  readonly id: string;
  /** Addresses on other machines that a sign-in may come back to. Those on this machine always may. */
  readonly redirectUris?: readonly string[] | undefined;
}

export interface LocalCloudOrganization {
  readonly id: string;
  readonly name: string;
  /** Roles by the handles of people: `owner`, `admin`, `member` or `viewer`. */
  readonly members: Readonly<Record<string, string>>;
}

export function toToml({ people, roles, projects, organizations, ...unknown }: LocalCloudSeed): string {
  const written = projects?.map(({ redirectUris, ...project }) => ({ ...project, redirect_uris: redirectUris }));
  // A list without entries is no table, and comes before all tables. The program names a member that it does not know.
  const top = { ...unknown, people: people?.length === 0 ? [] : undefined, projects: written?.length === 0 ? [] : undefined };
  return [
    ...members(top),
    ...(roles === undefined ? [] : ['[roles]', ...members(roles)]),
    ...(people ?? []).flatMap(person => ['[[people]]', ...members(person)]),
    ...(written ?? []).flatMap(project => ['[[projects]]', ...members(project)]),
    ...(organizations ?? []).flatMap(({ members: own, ...one }) => ['[[organizations]]', ...members(one), '[organizations.members]', ...members(own)]),
    '',
  ].join('\n');
}

/** Texts and lists of texts are written in TOML as in JSON. */
function members(table: object): string[] {
  const given = Object.entries(table).filter(([, value]) => value !== undefined);
  return given.map(([key, value]) => `${JSON.stringify(key)} = ${JSON.stringify(value)}`);
}
