// Status codes of gRPC (grpc/grpc doc/statuscodes.md), and what they are on HTTP. The table of errors.ts maps
// the codes of failures to both; this file maps what a peer without such codes sends.
import type { GrpcStatus } from '../errors.js';

export const OK = 0;

/** The numbers of all status codes. */
export const STATUS_NUMBERS: Readonly<Record<GrpcStatus | 'OK' | 'UNKNOWN' | 'DATA_LOSS', number>> = {
  OK,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
};

export type StatusName = keyof typeof STATUS_NUMBERS;

/** The HTTP status of a gRPC status, as google.rpc.Code has it. */
const HTTP_STATUS: Readonly<Record<StatusName, number>> = {
  OK: 200,
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

const NAMES = Object.keys(STATUS_NUMBERS) as readonly StatusName[];

/** @returns `UNKNOWN` for a number that is no status code, as other implementations do */
export const statusName = (number: number): StatusName =>
  NAMES.find((name) => STATUS_NUMBERS[name] === number) ?? 'UNKNOWN';

export const httpStatusOf = (name: StatusName): number => HTTP_STATUS[name];

/** Trailers of failures (docs/contract.md, section 3). The fields that HTTP has too have the same names. */
export const CODE_FIELD = 'x-multilane-code';
/** The problem document of a failure, whole: what a caller of Multilane makes its error from. */
export const PROBLEM_FIELD = 'x-multilane-problem-bin';
