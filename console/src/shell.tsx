/**
 * What stands around every screen: navigation, state of the stream, palette, colours, log out.
 *
 * @module
 */

import {
  ActionIcon,
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
import { useQuery } from '@tanstack/react-query'
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react'
import { ApiRefusal, ask, logOut } from './api.ts'
import { STALE_MS, useLive } from './live.ts'
import { MoonIcon, SunIcon } from './parts/icons.tsx'
import { forgetPlace } from './place.ts'
import { noteLevel, poolOf } from './pool-levels.ts'
import { filled, texts } from './texts.ts'

const SCREENS = [
  { to: '/', label: texts.nav.network },
  { to: '/keys', label: texts.nav.keys },
  { to: '/transfers', label: texts.nav.transfers },
  { to: '/exposure', label: texts.nav.exposure },
  { to: '/alarms', label: texts.nav.alarms },
  { to: '/audit', label: texts.nav.audit },
  { to: '/lab', label: texts.nav.lab },
  { to: '/people', label: texts.nav.people },
  { to: '/site', label: texts.nav.site },
] as const

const Sealed = lazy(() => import('./screens/sealed.tsx').then((file) => ({ default: file.Sealed })))

/** State of the site, asked every few seconds; screens share one answer. */
export const useStatus = () =>
  useQuery({
    queryKey: ['status'],
    queryFn: async () => {
      const status = await ask('status', {}, null)
      for (const { peer, availableBits } of status.pools) noteLevel(poolOf(peer), availableBits)
      return status
    },
    refetchInterval: 5000,
  })

export function Shell(): ReactNode {
  const [opened, { toggle, close }] = useDisclosure(false)
  const { data: status, error } = useStatus()
  const isSealed = error instanceof ApiRefusal && error.code === 'SITE_SEALED_TRY_AGAIN'
  const path = useRouterState({ select: ({ location }) => location.pathname })
  useEffect(close, [path, close])
  useEffect(() => {
    document.title = status === undefined ? texts.product : `${status.site} · ${texts.product}`
  }, [status])
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
        <Header site={status?.site ?? ''} isOpen={opened} onMenu={toggle} />
      </AppShell.Header>
      <AppShell.Navbar p="xs" component="nav" aria-label={texts.menu}>
        {SCREENS.map(({ to, label }) => (
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
        <Staleness />
        <Screen isSealed={isSealed} />
      </AppShell.Main>
      <Palette />
    </AppShell>
  )
}

/** What the address asks for; of a sealed site, how to open it. */
function Screen({ isSealed }: { readonly isSealed: boolean }) {
  if (!isSealed) return <Outlet />
  return (
    <Suspense>
      <Sealed />
    </Suspense>
  )
}

function Header({
  site,
  isOpen,
  onMenu,
}: {
  readonly site: string
  readonly isOpen: boolean
  readonly onMenu: () => void
}) {
  const { links } = useLive()
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
        {links.some(({ simulated }) => simulated) && (
          <Tooltip label={texts.simulatedWhy} multiline w={280}>
            <Badge variant="outline" color="gray" visibleFrom="xs" tabIndex={0} tt="none">
              {texts.simulated}
            </Badge>
          </Tooltip>
        )}
      </Group>
      <Group gap="xs" wrap="nowrap">
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

/** Ends the session and shows where another begins. */
function useLeave(): () => void {
  const navigate = useNavigate()
  return () => {
    forgetPlace()
    void logOut().finally(() => void navigate({ to: '/login' }))
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

function Palette() {
  const navigate = useNavigate()
  const { links } = useLive()
  const actions = [
    ...SCREENS.map(({ to, label }) => ({
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
