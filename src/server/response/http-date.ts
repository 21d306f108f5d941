// Dates in header fields (RFC 9110 section 5.6.7). One form is written, three are read.

const FORMS = [
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
];
const ASCTIME = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

export const httpDate = (milliseconds: number): string => new Date(milliseconds).toUTCString();

/** @returns milliseconds since 1970, undefined for text that is not an HTTP date */
export function parseHttpDate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const isAsctime = ASCTIME.test(text);
  if (!isAsctime && !FORMS.some((form) => form.test(text))) return undefined;
  const milliseconds = Date.parse(isAsctime ? `${text} GMT` : text);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}
