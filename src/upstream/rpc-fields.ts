/** The field with the name of the gRPC status, in responses that are not OK. Callers do not get it. */
export const STATUS_FIELD = 'grpc-status';
/** A field that the client adds to received trailers that contain a status. Callers do not get it. */
export const SENT_FIELD = 'grpc-multilane-sent';
