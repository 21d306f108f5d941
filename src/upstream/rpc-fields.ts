/** The field with the name of the gRPC status, in responses that are not OK. Callers do not get it. */
export const STATUS_FIELD = 'grpc-status';
