// Numbers that OTLP has no form for, as the package of OpenTelemetry writes it: every integral number becomes
// a 64-bit integer, although 1e300 is none, and JSON has neither infinity nor NaN. A collector would refuse
// the whole request, or take another number.

/** @returns a text for such a number, and any other value unchanged */
export function exactly<T>(value: T): T | string {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  return Number.isInteger(value) || !Number.isFinite(value) ? String(value) : value;
}
