// The app of the example behind Hono as a Worker, and a page that signs in.
import { authCheckRoute } from '@mastra/auth-cloud';
import { MastraServer } from '@mastra/hono';
import { Hono } from 'hono';
import { mastra } from './src/mastra/index.js';

const PAGE = `<!doctype html><title>Shop</title><button>Sign in</button><script>
  document.querySelector('button').onclick = async () => {
    const begun = await fetch('/api/auth/sso/login?redirect_uri=' + encodeURIComponent(location.pathname + location.search));
    location.href = (await begun.json()).url;
  };
</script>`;

const app = new Hono();
app.get('/welcome', (context) => context.html(PAGE));
const { auth, apiRoutes } = mastra.getServer();
const customApiRoutes = [...apiRoutes, authCheckRoute(auth)];
await new MastraServer({ app, mastra, customApiRoutes }).init();
export default app;
