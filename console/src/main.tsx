import '@mantine/core/styles.css'
import '@mantine/spotlight/styles.css'
import './console.css'
import { createTheme, MantineProvider } from '@mantine/core'
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { setNonce } from 'get-nonce'
import { createRoot } from 'react-dom/client'
import { ApiRefusal } from './api.ts'
import { keepPlace } from './place.ts'
import { router } from './router.tsx'

const nonce = document.querySelector<HTMLElement>('meta[property="csp-nonce"]')?.nonce ?? ''
// For the styles that dialogs add while they are open.
setNonce(nonce)

/** Whoever is out is led to the login, and from there back. */
function onError(error: Error): void {
  if (!(error instanceof ApiRefusal && error.code === 'LOGIN_NEEDED')) return
  keepPlace()
  void router.navigate({ to: '/login' })
}

const client = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      retry: (count, error) =>
        error instanceof ApiRefusal && error.code === 'UNREACHABLE' && count < 3,
    },
  },
})

const theme = createTheme({
  primaryColor: 'teal',
  primaryShade: 9,
  autoContrast: true,
  fontFamily: 'system-ui, sans-serif',
  headings: { fontWeight: '600' },
  respectReducedMotion: true,
})

const root = document.getElementById('root')
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
        <QueryClientProvider client={client}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  )
}
