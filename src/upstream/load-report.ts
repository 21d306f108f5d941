// What an instance reports of its load with a response: `x-multilane-load`, with the value
// `<requests in flight>;us=<time>`. It is an Item of RFC 9651 whose parameter is the time that requests take,
// in microseconds. Further parameters are ignored.

/** Takes reports: memory/endpoint-cells.ts. */
export interface ReportTaker {
  /** @param inFlight requests that the endpoint works on, beside the one that it has responded to */
  report(slot: number, inFlight: number, microseconds: number): void;
}

const REPORT = /^(\d{1,9});us=(\d{1,10})(?:;|$)/;

/** Passes a report on. @returns false for one that cannot be read */
export function takeReport(text: string, slot: number, taker: ReportTaker): boolean {
  const parts = REPORT.exec(text);
  if (parts === null) return false;
  taker.report(slot, Number(parts[1]), Number(parts[2]));
  return true;
}
