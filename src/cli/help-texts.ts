// What `--help` shows of each command beside its description and options: the group in the main help, what
// its arguments mean, examples, exit codes, and the page of the documentation.

export const GROUPS = {
  develop: 'Develop:',
  run: 'Run:',
  inspect: 'Inspect:',
  operate: 'Operate:',
} as const;

export interface CommandText {
  readonly group: keyof typeof GROUPS;
  /** Paragraphs behind the description. */
  readonly details?: string;
  /** Meanings of the arguments by their names. */
  readonly arguments?: Readonly<Record<string, string>>;
  /** Pairs: what the command line does, and the command line without `multilane`. */
  readonly examples: readonly (readonly [meaning: string, line: string])[];
  /** Pairs: a code and its meaning, where a script needs more than 0 = done, 1 = failed, 2 = wrong usage. */
  readonly exitCodes?: readonly (readonly [code: number, meaning: string])[];
  /** Page below `docs/`, with the anchor of a heading. */
  readonly docs: string;
}

const SAGA_ID = { 'saga-id': 'id of the saga, as `sagas list` shows it' };
const NO_PROJECT = [78, 'no project in this folder, or its configuration is wrong'] as const;
const NO_SERVICE = [78, 'no project in this folder, or an unknown service'] as const;
const REFUSED = [1, 'nothing listens at the admin plane, or it refuses the request'] as const;

/** By the words of the command. */
export const COMMAND_TEXTS: Readonly<Record<string, CommandText>> = {
  new: {
    group: 'develop',
    arguments: { dir: 'folder of the project; it must be empty or must not exist' },
    details:
      'Writes a service with a route, its tests, a README and the configuration. Nothing is installed.',
    examples: [
      ['a project in the folder shop', 'new shop'],
      ['a package name that differs from the folder', 'new ./Shop --name shop'],
    ],
    docs: 'cli.md',
  },
  dev: {
    group: 'develop',
    details:
      'Runs the project as `multilane start` does, with defaults for development, and runs the new code when a ' +
      'file changes that belongs to the project: its workers are reloaded, or it is restarted. A project that does not start is reported, and the next change is awaited.',
    examples: [
      ['reload or restart on every change', 'dev'],
      ['on a free port, without a browser', 'dev --port 0 --no-open'],
    ],
    exitCodes: [NO_PROJECT],
    docs: 'cli.md#dev',
  },
  generate: {
    group: 'develop',
    details:
      'Writes TypeScript where the configuration is multilane.config.ts, otherwise JavaScript. No file is ' +
      'overwritten. A configuration or service of unusual form is left alone, and the lines to add are printed.',
    examples: [
      ['a service, its test, and its line in the configuration', 'generate service invoices'],
      ['its first migration', 'g migration create-invoices --service invoices'],
    ],
    exitCodes: [[1, 'a file exists already, or cannot be written'], NO_SERVICE],
    docs: 'cli.md#generate',
  },
  'generate service': {
    group: 'develop',
    arguments: { name: 'name of the service: lower case letters, digits and hyphens' },
    examples: [['only print what would be written', 'generate service invoices --dry-run']],
    exitCodes: [NO_SERVICE],
    docs: 'cli.md#generate',
  },
  'generate saga': {
    group: 'develop',
    arguments: { name: 'name of the saga: lower case letters, digits and hyphens' },
    examples: [
      ['services/invoices/billing-saga.js and its test', 'generate saga billing --service invoices'],
    ],
    exitCodes: [NO_SERVICE],
    docs: 'cli.md#generate',
  },
  'generate route': {
    group: 'develop',
    arguments: { name: 'name of the route: lower case letters, digits and hyphens' },
    examples: [['GET /invoices/report', 'generate route report --service invoices']],
    exitCodes: [NO_SERVICE],
    docs: 'cli.md#generate',
  },
  'generate migration': {
    group: 'develop',
    details:
      'The statements of create-TABLE and add-COLUMN-to-TABLE are written; of other names you write them.',
    arguments: { name: 'what it does, for the name of its file' },
    examples: [
      ['0001_create_invoices.sql', 'generate migration create-invoices --service invoices'],
      ['0002_add_total_to_invoices.sql', 'generate migration add-total-to-invoices --service invoices'],
    ],
    exitCodes: [NO_SERVICE],
    docs: 'database.md#migrations',
  },
  build: {
    group: 'develop',
    examples: [['compile the project', 'build']],
    docs: 'cli.md',
  },
  check: {
    group: 'develop',
    details: 'Use it before a deployment: it loads the configuration and the services and starts nothing.',
    examples: [
      ['the settings of the project and where each comes from', 'check'],
      ['with the values of a deployment', 'check --workers 8 --database-url postgres://db/shop'],
    ],
    exitCodes: [
      [0, 'a start would accept these settings'],
      [78, 'it would not; the message names the setting and its source'],
    ],
    docs: 'settings.md',
  },
  routes: {
    group: 'develop',
    examples: [
      ['a table', 'routes'],
      ['the paths alone', "routes --json | jq -r '.[].path'"],
    ],
    exitCodes: [NO_PROJECT],
    docs: 'cli.md#routes',
  },
  grpc: {
    group: 'develop',
    examples: [['types of all .proto files', 'grpc types --out grpc-types']],
    docs: 'grpc.md',
  },
  'grpc types': {
    group: 'develop',
    examples: [['into the folder types/grpc', 'grpc types --out types/grpc']],
    exitCodes: [NO_PROJECT],
    docs: 'grpc.md',
  },
  completion: {
    group: 'develop',
    arguments: { shell: 'shell that reads the script' },
    examples: [
      ['in ~/.bashrc', 'completion bash'],
      ['in ~/.config/fish/config.fish', 'completion fish | source'],
    ],
    docs: 'cli.md#completion',
  },
  start: {
    group: 'run',
    details:
      'Starts the primary process with its worker threads in this terminal. When it is ready, it writes one line ' +
      'to stderr: multilane ready URL admin URL. Ctrl-C drains it and stops it.',
    examples: [
      ['the project in this folder', 'start'],
      ['two workers on port 3000', 'start --workers 2 --port 3000'],
      ['the reference shop, without a project', 'start --demo'],
    ],
    exitCodes: [
      [0, 'stopped in order'],
      [1, 'could not start: a port, a file or a database; or stopped at once'],
      [70, 'internal failure; a supervisor should restart the process'],
      NO_PROJECT,
    ],
    docs: 'settings.md',
  },
  migrate: {
    group: 'run',
    details:
      'Does what a start does before it is ready, and nothing else. A signal rolls back what is under way.',
    examples: [
      ['before a deployment', 'migrate'],
      ['what is applied and what is pending', 'migrate --status'],
    ],
    exitCodes: [
      [1, 'a migration failed and was rolled back, or a database cannot be reached'],
      [78, 'a migration folder has mistakes, or there is no project in this folder'],
    ],
    docs: 'cli.md#migrate',
  },
  ps: {
    group: 'inspect',
    examples: [
      ['the process of the project in this folder', 'ps'],
      ['another one, as JSON', 'ps --admin http://127.0.0.1:9901 --json'],
    ],
    exitCodes: [REFUSED],
    docs: 'cluster.md',
  },
  top: {
    group: 'inspect',
    details: 'On a terminal it refreshes every second until Ctrl-C; otherwise it prints once.',
    examples: [
      ['on a terminal', 'top'],
      ['once and in full', 'top --once'],
    ],
    exitCodes: [REFUSED],
    docs: 'operations.md',
  },
  info: {
    group: 'inspect',
    details:
      'Paste it into an issue. Secrets are masked, and a part that cannot be read does not hide the others.',
    examples: [
      ['as text', 'info'],
      ['the versions alone', 'info --json | jq .versions'],
    ],
    docs: 'cli.md#info',
  },
  bench: {
    group: 'inspect',
    arguments: { url: 'address of the requests; of this machine, unless --allow-remote is set' },
    details:
      'It needs autocannon in the project: npm install --save-dev autocannon. Progress goes to stderr. With an ' +
      'admin plane of the same process, it also measures CPU time per request.',
    examples: [
      ['ten seconds over ten connections', 'bench http://127.0.0.1:8080/hello/Ada'],
      [
        'POST of JSON',
        `bench http://127.0.0.1:8080/items --header 'content-type: application/json' --body '{}'`,
      ],
    ],
    exitCodes: [
      [1, 'there was no response, or autocannon is not installed'],
      [2, 'the URL is wrong, or leads to another machine'],
    ],
    docs: 'cli.md#bench',
  },
  reload: {
    group: 'operate',
    details: 'Requests go on meanwhile. Settings are not read again; restart the process for that.',
    examples: [
      ['after new code is in its place', 'reload'],
      ['wait at most a minute', 'reload --timeout 60'],
    ],
    exitCodes: [
      [0, 'all workers are replaced, and the old ones have ended'],
      [1, 'refused, stopped, too slow, or an old thread is stuck'],
    ],
    docs: 'cli.md#reload',
  },
  sagas: {
    group: 'operate',
    examples: [
      ['what needs attention', 'sagas list --status needs-attention'],
      ['one saga with its steps', 'sagas show 0199f2c4-8a5e-7cc0-b3a1-2f6a1f0d7c11'],
    ],
    exitCodes: [REFUSED],
    docs: 'sagas.md',
  },
  'sagas list': {
    group: 'operate',
    examples: [
      ['sagas of one definition that need attention', 'sagas list --saga checkout --status needs-attention'],
    ],
    exitCodes: [REFUSED],
    docs: 'sagas.md',
  },
  'sagas show': {
    group: 'operate',
    arguments: SAGA_ID,
    examples: [['one saga with its steps', 'sagas show 0199f2c4-8a5e-7cc0-b3a1-2f6a1f0d7c11']],
    exitCodes: [REFUSED],
    docs: 'sagas.md',
  },
  'sagas retry': {
    group: 'operate',
    arguments: SAGA_ID,
    examples: [['after the cause is removed', 'sagas retry 0199f2c4-8a5e-7cc0-b3a1-2f6a1f0d7c11']],
    exitCodes: [[1, 'the saga is not idle (SAGA_NOT_IDLE), or is unknown']],
    docs: 'sagas.md',
  },
  'sagas compensate': {
    group: 'operate',
    arguments: SAGA_ID,
    examples: [['undo what it has done', 'sagas compensate 0199f2c4-8a5e-7cc0-b3a1-2f6a1f0d7c11']],
    exitCodes: [[1, 'the saga is not idle (SAGA_NOT_IDLE), or is unknown']],
    docs: 'sagas.md',
  },
  'sagas skip': {
    group: 'operate',
    arguments: SAGA_ID,
    examples: [
      [
        'the payment was captured by hand',
        `sagas skip 0199f2c4-8a5e-7cc0-b3a1-2f6a1f0d7c11 --result '{"paymentId":7}'`,
      ],
    ],
    exitCodes: [[1, 'the saga is not idle (SAGA_NOT_IDLE), or is unknown']],
    docs: 'sagas.md',
  },
  help: {
    group: 'inspect',
    arguments: { command: 'words of the command; none: all commands' },
    examples: [['of one subcommand', 'help sagas list']],
    docs: 'cli.md',
  },
};
