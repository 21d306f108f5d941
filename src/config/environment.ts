// Settings from the environment: `MULTILANE_PORT`, or the bare alias `PORT` when that is unset. A bare name
// may be meant for another program, so only unknown names with our prefix are refused.
import { ConfigError } from '../errors.js';
import { suggestedName } from '../name-suggestion.js';
import { maskText } from '../redaction/secret-texts.js';
import { PREFIX } from './setting-names.js';
import type { SettingSource } from './setting-source.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * For a Service X, Kubernetes sets X_PORT=tcp://10.0.0.1:80, X_SERVICE_HOST, X_PORT_80_TCP, … in every pod.
 */
const LINK_NAME = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;
const LINK_VALUE = /^(tcp|udp|sctp):\/\//;
const isServiceLink = (name: string, value: string): boolean =>
  LINK_NAME.test(name) || (/(^|_)PORT$/.test(name) && LINK_VALUE.test(value));

/**
 * The environment as a source of settings. An empty variable counts as unset, as in the OpenTelemetry
 * specification and in Compose files.
 * @throws ConfigError for a variable with our prefix that is not in `known`
 */
export function fromEnvironment(
  env: Environment,
  known: readonly string[],
  warn: (warning: string) => void,
): SettingSource {
  const spellings = known.map((name) => PREFIX + name);
  for (const [name, value = ''] of Object.entries(env)) {
    if (!name.startsWith(PREFIX)) continue;
    if (isServiceLink(name, value)) {
      throw new ConfigError(
        `${name}: this is Kubernetes' link to a Service and not a setting; rename that Service or set enableServiceLinks: false`,
      );
    }
    if (spellings.includes(name)) continue;
    const near = suggestedName(name.slice(PREFIX.length), known);
    const hint = near === undefined ? '; --help lists all settings' : `, did you mean ${PREFIX}${near}?`;
    throw new ConfigError(`${name}: unknown setting${hint}`);
  }
  return (name) => {
    for (const as of [PREFIX + name, name]) {
      const text = env[as]?.trim();
      if (!text) continue;
      if (!isServiceLink(as, text)) return { as, text, raw: text, place: 'environment' };
      const shown = maskText(JSON.stringify(text));
      warn(`${as}: ignored, ${shown} is Kubernetes' link to a Service; set ${PREFIX}${name} instead`);
    }
    return undefined;
  };
}

/** The admin token, for commands that connect to a process whose configuration is not at hand. */
export const adminTokenFrom = (env: Environment = process.env): string | undefined =>
  [env[`${PREFIX}ADMIN_TOKEN`], env.ADMIN_TOKEN].map((text) => text?.trim()).find(Boolean);

/** @returns a function that lists the variables that were set or changed since this call */
export function variablesSetSince(
  env: NodeJS.ProcessEnv = process.env,
): () => readonly (readonly string[])[] {
  const before = { ...env };
  return () =>
    Object.entries(env).flatMap(([name, value = '']) => (before[name] === value ? [] : [[name, value]]));
}
