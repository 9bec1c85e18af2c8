/**
 * The screens and their addresses: what is looked at stands in the address, patient data never.
 *
 * @module
 */

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  retainSearchParams,
} from '@tanstack/react-router'
import { rangeIn, type Range } from './parts/range.tsx'
import { isChartView, type ChartView } from './records/views.ts'
import { Alarms } from './screens/alarms.tsx'
import { Keys } from './screens/keys.tsx'
import { Login } from './screens/login.tsx'
import { Network } from './screens/network.tsx'
import { Transfers } from './screens/transfers.tsx'
import { useMay } from './session.ts'
import { Shell } from './shell.tsx'

const root = createRootRoute({ component: Outlet })
const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  component: Shell,
  validateSearch: ({ range }): { range?: Range } => {
    const known = rangeIn(range)
    return known === undefined ? {} : { range: known }
  },
  search: { middlewares: [retainSearchParams(['range'])] },
})
/** The network, for whoever may see it; the frame leads everybody else to what is theirs. */
const Beginning = () => (useMay()('watchLinks') ? <Network /> : null)

/** A network is shown as a map unless the address says otherwise. */
const viewIn = ({ view }: Record<string, unknown>): { view?: 'schematic' } =>
  view === 'schematic' ? { view } : {}

const routes = root.addChildren([
  createRoute({ getParentRoute: () => root, path: '/login', component: Login }),
  shell.addChildren([
    createRoute({
      getParentRoute: () => shell,
      path: '/',
      component: Beginning,
      validateSearch: viewIn,
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/ways/$peer',
      component: lazyRouteComponent(() => import('./screens/way.tsx'), 'Way'),
      validateSearch: viewIn,
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/links/$link',
      component: lazyRouteComponent(() => import('./screens/link-detail.tsx'), 'LinkDetail'),
      validateSearch: ({ block }): { block?: string } =>
        typeof block === 'string' && /^\d{1,12}\/\d{1,12}$/.test(block) ? { block } : {},
    }),
    createRoute({ getParentRoute: () => shell, path: '/keys', component: Keys }),
    createRoute({
      getParentRoute: () => shell,
      path: '/keys/$key',
      component: lazyRouteComponent(() => import('./screens/key-detail.tsx'), 'KeyDetail'),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/exposure',
      component: lazyRouteComponent(() => import('./screens/exposure.tsx'), 'Exposure'),
      validateSearch: ({
        nodes,
        link,
        wrap,
      }): { nodes?: string; link?: string; wrap?: 'broken' } => ({
        ...(typeof nodes === 'string' && nodes !== '' && { nodes }),
        ...(typeof link === 'string' && link !== '' && { link }),
        ...(wrap === 'broken' && { wrap }),
      }),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/account',
      component: lazyRouteComponent(() => import('./screens/account.tsx'), 'Account'),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/people',
      component: lazyRouteComponent(() => import('./screens/people.tsx'), 'People'),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/people/grid',
      component: lazyRouteComponent(() => import('./screens/grid.tsx'), 'Grid'),
      validateSearch: ({ role }): { role?: string } =>
        typeof role === 'string' && /^[a-z][a-z-]{0,63}$/.test(role) ? { role } : {},
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/people/$person',
      component: lazyRouteComponent(() => import('./screens/person.tsx'), 'Person'),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/site',
      component: lazyRouteComponent(() => import('./screens/site.tsx'), 'Site'),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/records',
      component: lazyRouteComponent(() => import('./screens/records.tsx'), 'Records'),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/records/$record',
      component: lazyRouteComponent(() => import('./screens/records-chart.tsx'), 'RecordsChart'),
      // Which view of a chart, and what kinds of entries: nothing of whom it is about.
      validateSearch: ({ view, kinds }): { view?: ChartView; kinds?: string } => ({
        ...(isChartView(view) && { view }),
        ...(typeof kinds === 'string' && /^[a-z,]{1,99}$/.test(kinds) && { kinds }),
      }),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/reviews',
      component: lazyRouteComponent(() => import('./screens/reviews.tsx'), 'Reviews'),
    }),
    createRoute({ getParentRoute: () => shell, path: '/transfers', component: Transfers }),
    createRoute({
      getParentRoute: () => shell,
      path: '/alarms',
      component: Alarms,
      validateSearch: ({ show, list }): { show?: 'all'; list?: 'each' } => ({
        ...(show === 'all' && { show }),
        ...(list === 'each' && { list }),
      }),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/lab',
      component: lazyRouteComponent(() => import('./screens/lab.tsx'), 'Lab'),
      validateSearch: ({ link, attack }): { link?: string; attack?: string } => ({
        ...(typeof link === 'string' && { link }),
        ...(typeof attack === 'string' && { attack }),
      }),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/audit',
      component: lazyRouteComponent(() => import('./screens/audit.tsx'), 'Audit'),
      validateSearch: ({ before, kind }): { before?: number; kind?: string } => ({
        ...(Number.isSafeInteger(before) && { before: Number(before) }),
        ...(typeof kind === 'string' && /^[a-z][a-z0-9.-]{0,63}$/.test(kind) && { kind }),
      }),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: '/audit/$index',
      component: lazyRouteComponent(() => import('./screens/entry.tsx'), 'Entry'),
    }),
  ]),
])

export const router = createRouter({ routeTree: routes, defaultPreload: false })

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
