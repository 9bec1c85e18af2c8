/**
 * What stands around every screen: navigation, state of the stream, palette, colours, log out.
 *
 * @module
 */

import {
  ActionIcon,
  Anchor,
  AppShell,
  Badge,
  Burger,
  Button,
  Group,
  NavLink,
  Paper,
  Text,
  Tooltip,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Spotlight, spotlight } from '@mantine/spotlight'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react'
import { ApiRefusal, ask, logOut, type Asked } from './api.ts'
import { STALE_MS, useLive } from './live.ts'
import { Refused } from './parts/answer.tsx'
import { Page } from './parts/page.tsx'
import { MoonIcon, SunIcon } from './parts/icons.tsx'
import { forgetPlace } from './place.ts'
import { noteLevel, poolOf } from './pool-levels.ts'
import { forgetHandles } from './records/handles.ts'
import { readsRecords, useSession, type Session } from './session.ts'
import { filled, texts } from './texts.ts'

const GlassBanner = lazy(async () => ({
  default: (await import('./records/glass-banner.tsx')).GlassBanner,
}))

type Screens = ReturnType<typeof screensFor>

/** Each screen with the route that it cannot do without; records are open to whoever may read any. */
const SCREENS = [
  { to: '/', label: texts.nav.network, needs: 'watchLinks' },
  { to: '/keys', label: texts.nav.keys, needs: 'pools' },
  { to: '/transfers', label: texts.nav.transfers, needs: 'transfers' },
  { to: '/exposure', label: texts.nav.exposure, needs: 'compromise' },
  { to: '/records', label: texts.nav.records, needs: 'records' },
  { to: '/reviews', label: texts.nav.reviews, needs: 'glasses' },
  { to: '/alarms', label: texts.nav.alarms, needs: 'alarms' },
  { to: '/audit', label: texts.nav.audit, needs: 'entries' },
  { to: '/lab', label: texts.nav.lab, needs: 'fibres' },
  { to: '/people', label: texts.nav.people, needs: 'people' },
  { to: '/site', label: texts.nav.site, needs: 'status' },
] as const satisfies readonly { to: string; label: string; needs: Asked | 'records' }[]

/** The screens that a session may open. The operator is shown how records are looked at. */
const screensFor = (session: Session): readonly (typeof SCREENS)[number][] =>
  SCREENS.filter(({ needs }) =>
    needs === 'records'
      ? session.kind === 'operator' || readsRecords(session)
      : session.routes.includes(needs),
  )

const Sealed = lazy(() => import('./screens/sealed.tsx').then((file) => ({ default: file.Sealed })))

/** State of the site, asked every few seconds; screens share one answer. */
export const useStatus = (isOpen = true) =>
  useQuery({
    queryKey: ['status'],
    enabled: isOpen,
    queryFn: async () => {
      const status = await ask('status', {}, null)
      for (const { peer, availableBits } of status.pools) noteLevel(poolOf(peer), availableBits)
      return status
    },
    refetchInterval: 5000,
  })

/** Whether a site answers nothing because its keys are sealed. */
const isSealing = (error: Error | null): boolean =>
  error instanceof ApiRefusal && error.code === 'SITE_SEALED_TRY_AGAIN'

export function Shell(): ReactNode {
  const { data: session, error } = useSession()
  if (session !== undefined) return <Frame session={session} />
  if (isSealing(error)) return <Screen isSealed hasRoles />
  return error === null ? null : <Refused error={error} />
}

function Frame({ session }: { readonly session: Session }) {
  const [opened, { toggle, close }] = useDisclosure(false)
  const screens = screensFor(session)
  const hears = session.routes.includes('watchLinks')
  const { data: status, error } = useStatus(session.routes.includes('status'))
  const isSealed = isSealing(error)
  const path = useRouterState({ select: ({ location }) => location.pathname })
  useEffect(close, [path, close])
  const site = status?.site ?? session.person?.site
  useEffect(() => {
    document.title = site === undefined ? texts.product : `${site} · ${texts.product}`
  }, [site])
  useBeginning(screens, path)
  const leave = useLeave()
  const standing = status?.alarms.filter(({ clearedAt }) => clearedAt === null).length ?? 0
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 200, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding="md"
    >
      <a className="skip" href="#main">
        {texts.skip}
      </a>
      <AppShell.Header>
        <Header site={site ?? ''} session={session} isOpen={opened} onMenu={toggle} />
      </AppShell.Header>
      <AppShell.Navbar p="xs" component="nav" aria-label={texts.menu}>
        {screens.map(({ to, label }) => (
          <NavLink
            key={to}
            component={Link}
            to={to}
            label={label}
            variant="filled"
            active={
              to === '/' ? path === '/' || /^\/(links|ways)\//.test(path) : path.startsWith(to)
            }
            rightSection={
              to === '/alarms' && standing > 0 ? (
                <Badge color="red.9" variant="filled" size="sm">
                  {standing}
                </Badge>
              ) : null
            }
          />
        ))}
        <Button variant="default" size="xs" mt="md" onClick={leave} hiddenFrom="sm">
          {texts.logout}
        </Button>
      </AppShell.Navbar>
      <AppShell.Main id="main">
        <Notices session={session} />
        <Screen isSealed={isSealed} hasRoles={screens.length > 0} />
      </AppShell.Main>
      {hears ? <PaletteWithLinks screens={screens} /> : <Palette screens={screens} links={[]} />}
    </AppShell>
  )
}

/** What the address asks for; of a sealed site, how to open it. */
function Screen(about: { readonly isSealed: boolean; readonly hasRoles: boolean }) {
  const { isSealed, hasRoles } = about
  if (!isSealed && !hasRoles)
    return (
      <Page title={texts.noRole} below={texts.noRoleHow}>
        {null}
      </Page>
    )
  if (!isSealed) return <Outlet />
  return (
    <Suspense>
      <Sealed />
    </Suspense>
  )
}

/** What holds on every screen: old figures, broken glass. */
function Notices({ session }: { readonly session: Session }) {
  return (
    <>
      {session.routes.includes('watchLinks') && <Staleness />}
      {readsRecords(session) && (
        <Suspense>
          <GlassBanner />
        </Suspense>
      )}
    </>
  )
}

/** Whoever has nothing to do with links begins with what there is to do. */
function useBeginning(screens: Screens, path: string): void {
  const first = screens.at(0)?.to
  const navigate = useNavigate()
  useEffect(() => {
    const isElsewhere = path === '/' && first !== undefined && first !== '/'
    if (isElsewhere) void navigate({ to: first, replace: true })
  }, [path, first, navigate])
}

function Header({
  site,
  session,
  isOpen,
  onMenu,
}: {
  readonly site: string
  readonly session: Session
  readonly isOpen: boolean
  readonly onMenu: () => void
}) {
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light')
  const leave = useLeave()
  return (
    <Group h="100%" px="md" justify="space-between" wrap="nowrap">
      <Group gap="sm" wrap="nowrap">
        <Burger
          opened={isOpen}
          onClick={onMenu}
          hiddenFrom="sm"
          size="sm"
          aria-label={texts.menu}
        />
        <img src="/mark.svg" alt="" width={26} height={26} />
        <Text fw={600}>{texts.product}</Text>
        <Text c="dimmed">{site}</Text>
        {session.routes.includes('watchLinks') && <Simulated />}
      </Group>
      <Group gap="xs" wrap="nowrap">
        {session.person !== null && (
          <Text size="sm" truncate maw={260}>
            <Anchor component={Link} to="/account" c="inherit">
              {session.person.name}
            </Anchor>
            <Text span size="sm" visibleFrom="md">
              {` · ${session.person.roles.join(', ')}`}
            </Text>
          </Text>
        )}
        <Button variant="default" size="xs" visibleFrom="sm" onClick={spotlight.open}>
          {texts.palette}
        </Button>
        <ActionIcon
          variant="default"
          size="lg"
          aria-label={texts.colours}
          onClick={() => setColorScheme(scheme === 'dark' ? 'light' : 'dark')}
        >
          {scheme === 'dark' ? <SunIcon /> : <MoonIcon />}
        </ActionIcon>
        <Button variant="default" size="xs" onClick={leave} visibleFrom="sm">
          {texts.logout}
        </Button>
      </Group>
    </Group>
  )
}

/** Whether what is measured comes from simulated optics. */
function Simulated() {
  const { links } = useLive()
  if (!links.some(({ simulated }) => simulated)) return null
  return (
    <Tooltip label={texts.simulatedWhy} multiline w={280}>
      <Badge variant="outline" color="gray" visibleFrom="xs" tabIndex={0} tt="none">
        {texts.simulated}
      </Badge>
    </Tooltip>
  )
}

/** Ends the session and shows where another begins. */
function useLeave(): () => void {
  const navigate = useNavigate()
  const client = useQueryClient()
  return () => {
    forgetPlace()
    void logOut().finally(() => {
      // Nothing of a record stays in the page for whoever comes next.
      client.clear()
      forgetHandles()
      void navigate({ to: '/login' })
    })
  }
}

/** Says when the stream of the page has fallen silent. */
function Staleness() {
  const { heardAt, isOpen } = useLive()
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const ticking = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(ticking)
  }, [])
  if (heardAt === 0 || now - heardAt < STALE_MS) return null
  const seconds = Math.round((now - heardAt) / 1000)
  return (
    <Paper withBorder p="sm" mb="md" role="status" className="notice">
      <Text fw={600}>{filled(texts.stale, { seconds })}</Text>
      {isOpen ? null : <Text>{texts.reconnecting}</Text>}
    </Paper>
  )
}

function PaletteWithLinks({ screens }: { readonly screens: Screens }) {
  const { links } = useLive()
  return <Palette screens={screens} links={links} />
}

function Palette({
  screens,
  links,
}: {
  readonly screens: Screens
  readonly links: ReturnType<typeof useLive>['links']
}) {
  const navigate = useNavigate()
  const actions = [
    ...screens.map(({ to, label }) => ({
      id: to,
      label,
      onClick: () => void navigate({ to }),
    })),
    ...links.map(({ link, peer }) => ({
      id: link,
      label: link,
      description: peer,
      onClick: () => void navigate({ to: '/links/$link', params: { link } }),
    })),
  ]
  return (
    <Spotlight
      actions={actions}
      nothingFound={texts.paletteNothing}
      searchProps={{ placeholder: texts.paletteHint, 'aria-label': texts.paletteHint }}
      shortcut={['mod + K', '/']}
    />
  )
}
