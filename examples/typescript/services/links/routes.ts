import { type Application, NotFoundError, type ServiceDeps } from 'multilane';
import { Link, NewLink } from './schema.ts';
import { findLink, saveLink, visitLink } from './store.ts';

const known = (link: Link | undefined): Link => {
  if (link === undefined) throw new NotFoundError('No link has this code.');
  return link;
};

export function routes(app: Application, { db }: ServiceDeps): void {
  // `ctx.body` has the type of its schema, and a response that does not fit its schema does not compile.
  app.post('/links', { body: NewLink, response: { 201: Link }, summary: 'Shorten a link' }, async (ctx) => {
    const link = await saveLink(db, ctx.body);
    ctx.status(201).header('location', `/${link.code}`);
    return link;
  });

  app.get('/links/:code', { response: { 200: Link }, summary: 'A link, with its visits' }, async (ctx) =>
    known(await findLink(db, ctx.params.code)),
  );

  app.get('/:code', { summary: 'Visit a link' }, async (ctx) => {
    const { target } = known(await visitLink(db, ctx.params.code));
    return ctx.redirect(target, 302);
  });
}
