// How the services that a project calls are balanced: the member `upstreams` of the configuration file. It is
// plain data, so that workers receive it with the settings.
import {
  checkOptions,
  checkValue,
  configError,
  describeValue,
  type ErrorFactory,
  FILLED_TEXT,
  type OptionKind,
  oneOf,
  requireObject,
  shapeOf,
  unknownName,
  wholeNumber,
} from './options.js';
import { isServiceName } from './service-name.js';

export const PICKER_NAMES = ['auto', 'p2c', 'prequal', 'round-robin'] as const;

/**
 * How one of several equal instances is chosen:
 * - `p2c`: of two that are drawn at random, the one with fewer calls in flight
 * - `prequal`: by the load that instances report of themselves, to all that call them
 * - `round-robin`: one after the other
 * - `auto`: `prequal` where instances report their load, else `p2c`
 */
export type PickerName = (typeof PICKER_NAMES)[number];

/** A release that gets a share of the calls. */
export interface CanaryOptions {
  /** The `version` with which the instances of the canary release are registered. */
  readonly version: string;
  /** Its share of the calls, from 0 to 1. */
  readonly share: number;
}

/** The options of one called service. */
export interface UpstreamOptions {
  /** @default 'auto' */
  readonly picker?: PickerName;
  /**
   * A release that gets a share of the calls, whatever the number of its instances. Calls that name a
   * `version` are not counted. While fewer than half of its instances are healthy, the others get its share.
   * @default none
   */
  readonly canary?: CanaryOptions;
  /**
   * The connections of one worker to one instance over HTTP. Each carries one call at a time; further calls
   * wait for one until their deadline. A connection costs a file descriptor at both ends. Streamed calls have
   * connections of their own, and calls by gRPC share theirs.
   * @default 128
   */
  readonly connections?: number;
}

/** By the name under which a service is registered. */
export type Upstreams = Readonly<Record<string, UpstreamOptions>>;

export const PICKER: OptionKind = oneOf(...PICKER_NAMES);

const share: OptionKind = {
  text: 'a number from 0 to 1',
  is: (value) => typeof value === 'number' && value >= 0 && value <= 1,
};
const anObject: OptionKind = {
  text: "an object such as { version: '2', share: 0.05 }",
  is: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** What the registry admits as the zone of an instance. */
const ZONE: OptionKind = {
  text: '1 to 128 printable ASCII characters',
  is: (value) => typeof value === 'string' && /^[\x20-\x7e]{1,128}$/.test(value),
};

const UPSTREAM = shapeOf<UpstreamOptions>("{ picker: 'prequal' }", {
  picker: PICKER,
  canary: anObject,
  connections: wholeNumber(1, 65_535),
});
const CANARY = shapeOf<CanaryOptions>("{ version: '2', share: 0.05 }", { version: FILLED_TEXT, share }, [
  'version',
  'share',
]);

/** @throws ConfigError that names the service and the option */
export function checkUpstreams(upstreams: unknown): void {
  requireObject('upstreams', upstreams, "{ orders: { picker: 'prequal' } }", configError);
  for (const [service, options] of Object.entries(upstreams as object)) {
    if (!isServiceName(service))
      throw configError(`upstreams: ${describeValue(service)} is not a service name`);
    const fault: ErrorFactory = (reason) => configError(`upstreams: ${service}: ${reason}`);
    checkPicker(options, fault);
    checkOptions(options, UPSTREAM, fault);
    const { canary } = options as UpstreamOptions;
    if (canary !== undefined) checkOptions(canary, CANARY, (reason) => fault(`canary: ${reason}`));
  }
}

/** @throws ConfigError for what is no name of a zone */
export function checkZone(zone: unknown): void {
  if (zone !== null) checkValue('zone', zone, ZONE, configError);
}

/** A misspelt picker gets the name that was probably meant. */
function checkPicker(options: unknown, fault: ErrorFactory): void {
  const { picker } = (options ?? {}) as { readonly picker?: unknown };
  if (typeof picker !== 'string' || PICKER.is(picker)) return;
  throw fault(unknownName('picker', picker, PICKER_NAMES));
}
