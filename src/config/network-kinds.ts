// Kinds of settings that are network addresses, and functions that examine addresses and URLs.
import { isIP, isIPv4 } from 'node:net';
import { completeRange } from '../address-ranges.js';
import { isSecretName } from '../redaction/secret-names.js';
import { isTokenUser } from '../redaction/secret-texts.js';
import { listOf, MASK, maskForms, type SettingKind, text } from './setting-kinds.js';

const HOST_NAME =
  /^(?!.{254})[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*\.?$/i;

/** Parses an address (brackets around an IPv6 address are removed) or a host name (RFC 1123). */
function hostOf(value: string): string | undefined {
  const bare = /^\[.*\]$/.test(value) ? value.slice(1, -1) : value;
  if (isIP(bare) !== 0) return bare;
  // "10.0.0.300" would be accepted as a name and fail much later.
  return bare === value && HOST_NAME.test(value) && !/^[\d.]+$/.test(value) ? value.toLowerCase() : undefined;
}

export const host: SettingKind<string> = { ...text, type: 'an IP address or host name', parse: hostOf };

export const hosts = listOf('IP addresses or host names, without ports', hostOf);

export const cidrs = listOf('address ranges such as 10.0.0.0/8', completeRange);

/** True for 127.0.0.0/8, ::1 and `localhost`, which cannot be reached from other machines. */
export function isLoopback(value: string): boolean {
  const name = value.toLowerCase();
  const mapped = name.startsWith('::ffff:') ? name.slice('::ffff:'.length) : name;
  return name === 'localhost' || name === '::1' || (isIPv4(mapped) && mapped.startsWith('127.'));
}

/** True for `0.0.0.0` and `::` in any spelling. */
export const isWildcard = (value: string): boolean => isIP(value) !== 0 && /^[0:.]+$/.test(value);

/**
 * Masks the password, a token in the place of the user, and all secret parameters of a URL, and drops its
 * fragment, which nothing reads. It also accepts text that no URL parser accepts, of which it may mask too
 * much.
 */
export function maskUrl(url: string): string {
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/is.exec(url) ?? [];
  if (scheme === undefined) return url;
  const at = rest.lastIndexOf('@');
  const credentials = at < 0 ? '' : maskCredentials(rest.slice(0, at), scheme);
  const [place = ''] = rest.slice(Math.max(0, at)).split('#', 1);
  return maskForms(scheme + credentials + place.replace(/([?&]([^=&]*)=)([^&]*)/g, maskParameter));
}

/** A user with a password is shown, and that of a database also without one, unless it is a token. */
function maskCredentials(credentials: string, scheme: string): string {
  const [, user = '', password] = /^([^:]*)(?::(.*))?$/s.exec(credentials) ?? [];
  if (user === '' && password === undefined) return '';
  const isSecret = isTokenUser(user) || (/^http/i.test(scheme) && !password);
  if (isSecret) return MASK;
  return password === undefined ? user : `${user}:${MASK}`;
}

const maskParameter = (whole: string, start: string, name: string, value: string): string =>
  isSecretName(name) || maskForms(value) !== value ? start + MASK : whole;

/** The kind of URLs with a given scheme. Only the scheme is checked here; the password is never shown. */
function url(type: string, scheme: RegExp, parsable: (value: string) => string): SettingKind<string> {
  return {
    ...text,
    type,
    secret: true,
    parse: (value) => (scheme.test(value) && URL.canParse(parsable(value)) ? value : undefined),
    show: maskUrl,
  };
}

/** A URL for a socket folder has no host: `postgres://user:password@/name?host=/run/postgresql`. */
export const postgresUrl = url('a postgres:// URL', /^postgres(ql)?:\/\//i, (value) =>
  value.replace('@/', '@localhost/'),
);

/** Hosts with ports, and perhaps an account before them. */
const ETCD_URL = /^etcds?:\/\/(?:[^@/:]+(?::[^@/]*)?@)?([^@/?#,\s]+:\d+(?:,[^@/?#,\s]+:\d+)*)\/?$/i;
const etcdUrl: SettingKind<string> = {
  ...url('an etcd:// URL', ETCD_URL, String),
  parse(value) {
    const hosts = ETCD_URL.exec(value)?.[1]?.split(',');
    return hosts?.every((host) => URL.canParse(`http://${host}`)) === true ? value : undefined;
  },
};

/** The admin plane of another process. */
const originUrl = url('an http:// URL', /^https?:\/\/[^@/?#]+\/?$/i, String);

/** The registry of this process alone, or one that several share. */
export const registryUrl: SettingKind<string> = {
  ...postgresUrl,
  type: '`local`, or a URL: postgres://…, etcd://host:2379,host:2379 or etcds://…, http://host:port or https://…, without a path',
  parse(value) {
    if (value.toLowerCase() === 'local') return 'local';
    if (/^etcds?:/i.test(value)) return etcdUrl.parse(value);
    return /^https?:/i.test(value) ? originUrl.parse(value) : postgresUrl.parse(value);
  },
};

/** Whether processes can agree through a registry on how they divide limits. */
export const canShareLimits = (registry: string): boolean => /^(?:postgres|etcd)/i.test(registry);

export const httpUrl = url('an http:// or https:// URL', /^https?:\/\//i, String);
