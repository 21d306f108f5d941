// Shows the description beside this page. `validatorUrl: null`: the viewer would ask a server of its makers.
SwaggerUIBundle({
  url: new URL('openapi.json', document.baseURI).href,
  dom_id: '#viewer',
  deepLinking: true,
  validatorUrl: null,
});
