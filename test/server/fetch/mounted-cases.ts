// The project in which the package serves the cases: the configuration of a process.
import { defineService } from 'multilane';
import { respond } from './respond.js';

export default {
  services: [
    defineService({
      name: 'mounted',
      routes: (app) => app.mount('/mounted', (request) => respond(request) as Response),
    }),
  ],
};
