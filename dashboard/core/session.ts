// The operator's token. It is kept in the session storage, which ends with the tab and is not shared.
import { Signal } from './signal.js';

const KEY = 'multilane-admin-token';

export interface Session {
  readonly token: string | null;
  /** Whether the admin plane has refused the token, or asks for one. */
  readonly isRefused: boolean;
  /** Why, in words; null before a token was tried. */
  readonly failure: string | null;
}

/** Browsers may forbid the storage; the token then lives as long as the page. */
function stored(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export const session = new Signal<Session>({ token: stored(), isRefused: false, failure: null });

export function signIn(token: string): void {
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    // The token lives as long as the page.
  }
  session.value = { token, isRefused: false, failure: null };
}

export function signOut(failure: string | null = null): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // There was nothing to remove.
  }
  session.value = { token: null, isRefused: true, failure };
}

/** @param token the one that was sent: a response to an older one says nothing about a newer one */
export function refused(token: string | null): void {
  if (session.value.token !== token || session.value.isRefused) return;
  signOut(token === null ? null : 'The admin plane refused this token.');
}
