// Loads of @grpc/grpc-js only the client, at the first call by gRPC of a thread. The whole package has a
// server and more, and takes more time (36 ms of CPU instead of 28) and memory (10 MiB instead of 3.5).
// `require` is used because grpc-js is CommonJS.
import { createRequire } from 'node:module';
import type { Channel, ChannelCredentials, Metadata } from '@grpc/grpc-js';
import { lazyModule } from '../lazy-module.js';

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
  const credentials = part<{
    ChannelCredentials: { createInsecure(): ChannelCredentials; createSsl(): ChannelCredentials };
  }>('channel-credentials.js').ChannelCredentials;
  // What the main module of the package registers, of which a channel to one address needs these.
  part<SetUp>('resolver-ip.js').setup();
  part<SetUp>('load-balancer-pick-first.js').setup();
  muteLog();
  let tls: ChannelCredentials | undefined;
  return {
    Channel: ChannelImplementation,
    Metadata: part<{ Metadata: typeof Metadata }>('metadata.js').Metadata,
    plain: credentials.createInsecure(),
    tls: () => {
      tls ??= credentials.createSsl();
      return tls;
    },
  };
});

const SILENT = 3;

/** The library writes metadata of peers that it cannot read to stderr, one line for each. */
function muteLog(): void {
  part<{ setLoggerVerbosity(verbosity: number): void }>('logging.js').setLoggerVerbosity(SILENT);
}
