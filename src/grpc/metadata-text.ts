// Names and values of metadata, as gRPC can carry them (grpc/grpc doc/PROTOCOL-HTTP2.md, Custom-Metadata).

const NAME = /^[0-9a-z_.-]+$/;
const VALUE = /^[\x20-\x7e]*$/;

export const isName = (text: string): boolean => NAME.test(text);

/** Whether a text can be a value: printable ASCII. */
export const isPrintable = (text: string): boolean => VALUE.test(text);

/** Values of such a name are bytes; as texts they are in base64. */
export const isBinary = (name: string): boolean => name.endsWith('-bin');
