// Loads of @grpc/grpc-js only the client, at the first call by gRPC of a thread. The whole package has a
// server and more, and takes more time (36 ms of CPU instead of 28) and memory (10 MiB instead of 3.5).
// `require` is used because grpc-js is CommonJS.

import type { ClientHttp2Session } from 'node:http2';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Channel, ChannelCredentials, ChannelOptions, Metadata } from '@grpc/grpc-js';
import { lazyModule } from '../lazy-module.js';
import type { Address, Connecting } from './grpc-connections.js';

const require = createRequire(import.meta.url);

export interface GrpcJs {
  readonly Channel: typeof Channel;
  readonly Metadata: typeof Metadata;
  /** Credentials of connections without TLS, and of those with it. */
  readonly plain: ChannelCredentials;
  /** Made at first use, because it reads the certificates of authorities. */
  readonly tls: () => ChannelCredentials;
}

interface SetUp {
  setup(): void;
}

const part = <Part>(name: string): Part => require(`@grpc/grpc-js/build/src/${name}`) as Part;

/** @throws OutOfFilesError when it is not loaded yet and the process has no file descriptors for that */
export const loadGrpcJs = lazyModule((): GrpcJs => {
  const { ChannelImplementation } = part<{ ChannelImplementation: typeof Channel }>('channel.js');
  const { ChannelCredentials: credentials } = part<{ ChannelCredentials: CredentialsFactory }>(
    'channel-credentials.js',
  );
  // What the main module of the package registers, of which a channel to one address needs these.
  part<SetUp>('resolver-ip.js').setup();
  part<SetUp>('load-balancer-pick-first.js').setup();
  muteLog();
  letChannelsConnect(part<ConnectorModule>('transport.js').Http2SubchannelConnector.prototype);
  let tls: ChannelCredentials | undefined;
  return {
    Channel: ChannelImplementation,
    Metadata: part<{ Metadata: typeof Metadata }>('metadata.js').Metadata,
    plain: credentials.createInsecure(),
    tls: () => {
      tls ??= tlsCredentials(credentials);
      return tls;
    },
  };
});

interface CredentialsFactory {
  createInsecure(): ChannelCredentials;
  createFromSecureContext(context: SecureContext): ChannelCredentials;
}

/** A part of grpc-js that its types do not show. */
interface Credentials {
  _createSecureConnector(...args: unknown[]): { readonly connectionOptions: { servername?: string } };
}

/**
 * The authorities are those that calls of HTTP trust: not those of the variables that grpc-js reads by
 * itself. Instances have addresses, and an address must not be sent as the name of a server (RFC 6066
 * section 3); Node.js warns about it. The certificate is compared with the address all the same.
 */
function tlsCredentials(factory: CredentialsFactory): ChannelCredentials {
  const credentials = factory.createFromSecureContext(createSecureContext());
  const connecting = credentials as unknown as Credentials;
  const create = connecting._createSecureConnector.bind(credentials);
  connecting._createSecureConnector = (...args) => {
    const connector = create(...args);
    delete connector.connectionOptions.servername;
    return connector;
  };
  return credentials;
}

const SILENT = 3;

/** The library writes metadata of peers that it cannot read to stderr, one line for each. */
function muteLog(): void {
  part<{ setLoggerVerbosity(verbosity: number): void }>('logging.js').setLoggerVerbosity(SILENT);
}

/** The option of a channel with its `Connecting`. */
export const CONNECTIONS_OPTION = 'multilane.connections';

interface Secured {
  readonly socket: Socket;
}

interface SecureConnector {
  waitForReady(): Promise<void>;
  connect(socket: Socket): Promise<Secured>;
}

interface Connector {
  tcpConnect(address: Address): Promise<Socket>;
  connect: (
    this: Connector,
    address: Address,
    secure: SecureConnector,
    options: ChannelOptions,
  ) => Promise<{ readonly session: ClientHttp2Session }>;
}

interface ConnectorModule {
  readonly Http2SubchannelConnector: { readonly prototype: Connector };
}

/** Channels without the option, such as those of other code in the process, connect as before. */
function letChannelsConnect(prototype: Connector): void {
  const { connect } = prototype;
  prototype.connect = async function (address, secure, options) {
    const connections = options[CONNECTIONS_OPTION] as Connecting | undefined;
    if (connections === undefined) return connect.call(this, address, secure, options);
    this.tcpConnect = (to) => connections.connect(to);
    const watched: SecureConnector = {
      waitForReady: () => secure.waitForReady(),
      connect: (socket) => connections.whileOpen(socket, secure.connect(socket)),
    };
    try {
      const transport = await connect.call(this, address, watched, options);
      connections.ready(transport.session);
      return transport;
    } catch (error) {
      connections.failed(error);
      throw error;
    }
  };
}
