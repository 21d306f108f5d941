// The modules that the threads of the process run.
export const HTTP_WORKER = new URL('../workers/http.js', import.meta.url);
export const GRPC_WORKER = new URL('../workers/grpc.js', import.meta.url);
export const TASK_WORKER = new URL('../workers/task.js', import.meta.url);
