// `multilane grpc`: tools for services that are called by gRPC.
import type { Command } from 'commander';
import { exitProcess } from '../../process/process-exit.js';
import { print } from '../output.js';
import { type ProjectOptions, projectSettings, withProject } from '../project-settings.js';

interface TypesOptions extends ProjectOptions {
  readonly out: string;
}

export function grpcCommand(program: Command): void {
  const grpc = program.command('grpc').description('tools for services that are called by gRPC');
  withProject(grpc.command('types'))
    .description('write the types of messages and methods: one .d.ts file for each service with .proto files')
    .option('--out <dir>', 'folder of the files', 'grpc-types')
    .action(async ({ out, ...options }: TypesOptions) => {
      const { writeTypes } = await import('../grpc-types.js');
      await print(await writeTypes(await projectSettings(options), out));
      // The loop may not end by itself: modules of the project may have set timers.
      await exitProcess(0, false);
    });
}
