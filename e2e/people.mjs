// The people of the local Cloud, by role.
export const NAMES = { owner: 'Olivia Okafor', admin: 'Anders Holm', member: 'Mei Tanaka', viewer: 'Victor Reyes' };
export const PEOPLE = Object.keys(NAMES);
