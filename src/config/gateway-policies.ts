// The setting GATEWAY: which services are reachable through the gateway, and under which policies. A
// configuration file gives both as one object by service; command line and environment give the names, and
// the policies of the file stay in force for these.
import type { GatewayPolicy } from '../config.js';
import { ConfigError } from '../errors.js';
import {
  checkOptions,
  describeValue,
  type OptionKind,
  POSITIVE,
  requireObject,
  shapeOf,
  wholeNumber,
} from '../options.js';
import { RATE } from '../rate.js';
import { isServiceName } from '../service-name.js';
import type { ConfigFile } from './config-file.js';
import { placeOfKey } from './key-place.js';
import { listOf, type SettingKind } from './setting-kinds.js';

const OFF = 'off';
const names = listOf('service names, or off', (text) => (isServiceName(text) ? text : undefined));

/** The kind of GATEWAY; no service: off. */
export const services: SettingKind<readonly string[]> = {
  ...names,
  parse: (value) => (value.toLowerCase() === OFF ? [] : names.parse(value)),
  show: (value) => (value.length === 0 ? OFF : value.join(',')),
  fromFile(value) {
    if (value === false || (Array.isArray(value) && value.length === 0)) return OFF;
    if (!isPolicies(value)) return names.fromFile(value);
    return Object.keys(value).join(',') || OFF;
  },
};

const RATE_OR_OFF: OptionKind = {
  text: `"off", or ${RATE.text}`,
  is: (value) => value === OFF || RATE.is(value),
};

const POLICY = shapeOf<GatewayPolicy>("{ timeoutMs: 5000, rateLimit: '100/second' }", {
  rateLimit: RATE_OR_OFF,
  timeoutMs: POSITIVE,
  retries: wholeNumber(0, 10),
  bodyLimit: { ...wholeNumber(0), text: 'a whole number of bytes' },
  maxMessageBytes: { ...wholeNumber(1, 64 * 1024 * 1024), text: 'a number of bytes from 1 to 67108864' },
});

/**
 * The policies of the member `gateway` of a configuration file.
 * @param file the configuration file, for messages
 * @throws ConfigError for a name that is no service name, and for options that are wrong
 */
export function gatewayPolicies(
  file: Pick<ConfigFile, 'path' | 'name'>,
  value: unknown,
): Readonly<Record<string, GatewayPolicy>> {
  if (!isPolicies(value)) return {};
  for (const [service, policy] of Object.entries(value)) {
    if (!isServiceName(service))
      throw new ConfigError(
        `${placeOfKey(file, 'gateway')}: gateway: ${describeValue(service)} is not a service name`,
      );
    const fault = (reason: string): ConfigError =>
      new ConfigError(`${placeOfKey(file, 'gateway')}: gateway: ${service}: ${reason}`);
    requireObject('the policy', policy, POLICY.example, fault);
    checkOptions(policy, POLICY, fault);
  }
  return value as Readonly<Record<string, GatewayPolicy>>;
}

const isPolicies = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
