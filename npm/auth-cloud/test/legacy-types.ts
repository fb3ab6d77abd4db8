/**
 * The classes of the plugin 1.x as its users write them, in types: `npm run typecheck` reads this file and nothing runs it.
 */

import { Mastra } from '@mastra/core';
import type { ISSOProvider } from '@mastra/core/auth';
import type { IRBACProvider } from '@mastra/core/auth/ee';
import type { MastraAuthProvider } from '@mastra/core/server';

import { AuthError, CloudApiError, MastraCloudAuthProvider, MastraRBACCloud } from '../dist/esm/index.js';
import type { AuthErrorCode, CloudUser, MastraCloudAuthProviderOptions } from '../dist/esm/index.js';
import { same } from './same.js';

export function server(): unknown[] {
  const options: MastraCloudAuthProviderOptions = {
    projectId: 'p',
    cloudBaseUrl: 'https://cloud.example.com',
    callbackUrl: 'https://app.example.com/auth/callback',
    isProduction: true,
  };
  const auth = new MastraCloudAuthProvider({ ...options, name: 'n', protected: ['/api/*'], authorizeUser: user => user.role === 'owner' });
  const rbac = new MastraRBACCloud({ roleMapping: { owner: ['*'], member: ['agents:read'], _default: [] } });
  const provider: MastraAuthProvider<CloudUser> = auth;
  const sso: ISSOProvider<CloudUser> = auth;
  const roles: IRBACProvider<CloudUser> = rbac;
  const url: string = auth.getLoginUrl('https://app.example.com/cb', 'state');
  const cookies: string[] = auth.getLoginCookies('https://app.example.com/cb', 'state');
  return [provider, sso, roles, url, cookies, rbac.roleMapping, new Mastra({ server: { auth, rbac } })];
}

export function refused(): void {
  // @ts-expect-error The option of today; the old class has its own name for it.
  void new MastraCloudAuthProvider({ baseUrl: 'https://cloud.example.com' });
  // @ts-expect-error A name that only documents knew: taken with a warning from JavaScript.
  void new MastraCloudAuthProvider({ endpoint: 'https://cloud.example.com' });
  // @ts-expect-error True or false.
  void new MastraCloudAuthProvider({ isProduction: 'yes' });
  // @ts-expect-error The roles are what it is made of.
  void new MastraRBACCloud({});
  // @ts-expect-error A list for each role.
  void new MastraRBACCloud({ roleMapping: { owner: '*' } });
  // @ts-expect-error There is no such code.
  void new AuthError('expired', 'The sign-in took too long.');
}

/** A `switch` over the codes is exhaustive. */
export function told(error: unknown): string {
  if (!(error instanceof AuthError)) return 'unknown';
  const both: CloudApiError = error;
  same<typeof error.code, AuthErrorCode>(true);
  const code: AuthErrorCode = error.code;
  switch (code) {
    case 'invalid_state':
    case 'state_mismatch':
    case 'token_exchange_failed':
    case 'verification_failed':
    case 'network_error':
      return `${code} ${both.status}`;
  }
}
