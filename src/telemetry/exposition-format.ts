// The formats of `/metrics`, and which one a client gets.

export type ExpositionFormat = 'prometheus' | 'openmetrics';

/** As prom-client has them, which is not loaded before the first scrape. */
export const CONTENT_TYPES = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const satisfies Readonly<Record<ExpositionFormat, string>>;

/**
 * Chooses the format by content negotiation (RFC 9110 section 12.5.1): OpenMetrics only when the client names
 * it and does not prefer the older format.
 */
export function negotiate(accept: string | undefined): ExpositionFormat {
  let open = 0;
  let text = 0;
  for (const item of (accept ?? '').toLowerCase().split(',')) {
    const [type, ...parameters] = item.split(';').map((part) => part.trim());
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    const q = quality === undefined ? 1 : Number(quality) || 0;
    if (type === 'application/openmetrics-text') open = Math.max(open, q);
    if (type === 'text/plain') text = Math.max(text, q);
  }
  return open > 0 && open >= text ? 'openmetrics' : 'prometheus';
}
