// The defaults of development (`--development`, which `multilane dev` passes). Any source of settings
// overrides them.
import type { SettingSource } from './setting-source.js';

/**
 * A short drain, because only the developer's own requests may be lost, and a log line and a trace for each
 * request. Two workers are enough to show state that was kept in one thread by mistake, and they are replaced
 * quickly on a machine of many cores as well.
 */
export const DEVELOPMENT_DEFAULTS: Readonly<Record<string, string>> = {
  WORKERS: '2',
  DRAIN_MS: '1000',
  REQUEST_LOG: 'on',
  OTEL_TRACES_SAMPLER_ARG: '1',
};

export const fromDevelopment: SettingSource = (name) => {
  const text = DEVELOPMENT_DEFAULTS[name];
  return text === undefined
    ? undefined
    : { as: '--development', text, raw: text, place: 'defaults of development' };
};
