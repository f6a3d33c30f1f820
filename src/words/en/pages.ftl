### What pages say: those that everybody meets, and what all pages have. Text only: markup is escaped where it is shown.
### A value such as { $name } is put in as it is; a translation may leave it out or move it.
### Some are links, whose words are messages of their own: { $sign_in } is one that says `sign-in`.

## Every page

# The link that keyboards meet first on every page.
skip = To the content
nav-console = Console
choose-tenant = Choose a tenant
sign-out = Sign out
page-previous = Previous page
page-next = Next page
pages = Pages
state = State
search = Search
clear = Clear
download-csv = Download as CSV
# On the button beside a password, and its words once it was pressed.
show = Show
hide = Hide
# Copies a link or a secret, and what the button says then.
copy = Copy
copied = Copied
strength = Strength of the password
# What the meter beside a password says.
strength-0 = Very easy to guess.
strength-1 = Easy to guess.
strength-2 = Guessable with some effort.
strength-3 = Hard to guess.
strength-4 = Very hard to guess.
secret-help = A few unrelated words do well.
# Names of tables for who cannot see them.
list = List
actions = Actions
none-here = None here.

## What something is in

# A member of a tenant.
member-state = { $state ->
    [active] active
    [suspended] suspended
   *[other] { $state }
}
# A tenant.
tenant-state = { $state ->
    [active] active
    [suspended] suspended
    [deleted] deleted
   *[other] { $state }
}
# A request for a password to be reset.
reset-state = { $state ->
    [requested] requested
    [approved] approved
    [completed] completed
    [rejected] rejected
    [cancelled] cancelled
    [expired] expired
   *[other] { $state }
}
# The mail of an invitation; none: a link was made instead.
invitation-mail-state = { $state ->
    [none] none
    [queued] queued
    [sent] sent
    [retrying] retrying
    [failed] failed
    [suppressed] suppressed
   *[other] { $state }
}
# A mail.
mail-state = { $state ->
    [queued] queued
    [sent] sent
    [retrying] retrying
    [failed] failed
    [suppressed] stopped
   *[other] { $state }
}
mail-kind = { $kind ->
    [invitation] invitation
    [invitation_accepted] invitation accepted
    [reset_requested] reset requested
    [reset_link] reset link
    [reset_rejected] reset rejected
    [password_changed] password changed
   *[other] { $kind }
}
# An endpoint for webhooks, and what was posted to one.
endpoint-state = { $state ->
    [enabled] enabled
    [disabled] disabled
   *[other] { $state }
}
delivery-state = { $state ->
    [queued] queued
    [retrying] retrying
    [delivered] delivered
    [failed] failed
   *[other] { $state }
}
# What became of a line of a list of people to invite.
outcome = { $outcome ->
    [will_invite] will invite
    [invited] invited
    [already_member] already member
    [pending] pending
    [pending_with_other_role] pending with other role
    [duplicate_in_batch] duplicate in batch
    [role_not_allowed] role not allowed
    [invalid_email] invalid email
    [invalid_row] invalid row
    [over_quota] over quota
   *[other] { $outcome }
}
# What a role allows.
permission = { $permission ->
    [invite] invite
    [manage_members] manage members
    [manage_roles] manage roles
    [approve_resets] approve resets
    [view_events] view events
    [manage_tenant] manage tenant
   *[other] { $permission }
}
# What an event is about, where it has no name.
subject = { $kind ->
    [Event] Event
    [Invitation] Invitation
    [Mail] Mail
    [Membership] Membership
    [ResetRequest] ResetRequest
    [Role] Role
    [Session] Session
    [Tenant] Tenant
    [User] User
    [WebhookDelivery] WebhookDelivery
    [WebhookEndpoint] WebhookEndpoint
   *[other] { $kind }
}

## Setting up

setup-title = Set up
setup-heading = Set up Guestlist
setup-intro = You become the administrator of this service and the owner of its first tenant.
setup-code = Code
setup-code-help = What stands behind the # of the link that the service printed.
setup-you = You
# In forms: a name of a person or a thing.
name = Name
email = E-mail address
password = Password
setup-tenant = Your first tenant
slug = Short name for URLs
setup-slug-help = Small letters, digits and hyphens, such as acme.
gone-title = Set up already
gone-heading = This service is set up
sign-in = Sign in
gone-text = There is an administrator already. { $sign_in }.

## Signing in, and choosing a tenant

login-unclaimed = Nobody administers this service yet. Open the link that it printed when it started.
forgot = Forgot your password?
choose-title = Your tenants
choose-welcome = Welcome, { $name }
choose-invited = { $inviter } invites you
choose-invited-as = { $inviter } invites you as { $role }
choose-until = Until { $when }
accept = Accept
decline = Decline
choose-stay = Go on here
choose-open = Open
choose-open-one = Open { $tenant }
choose-none = You belong to no tenant yet. When somebody invites you, the mail leads back here.
choose-none-platform = As an administrator of the platform you find its tenants under { $platform }.

## Where the link of an invitation leads

accept-title = Your invitation
accept-invited = { $inviter } invited { $email } to join { $tenant } as { $role }.
accept-name = Your name
accept-password = Choose a password
accept-known = There is an account for this address. Sign in to accept.
accept-password-of = Password of { $email }
accept-sign-in = Sign in and accept
accept-other = You are signed in as { $email }, and this invitation is for somebody else.
accept-switch = Sign out, and go on as { $email }
accept-member = You are a member already. { $go_on }.
accept-go-on = Go on to the console
accept-ended = It ended on { $when }. Ask { $inviter } to send it again; this link stays of no use.
accept-unusable = It cannot be used any more: it was declined, cancelled or used, or the tenant is closed. { $sign_in } if you have an account.
accept-until = Open until { $when }.
accept-decline-instead = Decline instead
accept-decline-address = Type the invited address to decline
code = Code from your mail
accept-code-help = The mail holds it below the link.
accept-look = Look it up

## A forgotten password

forgot-title = Forgot your password
forgot-intro = Ask for a link to your own mailbox. Where that is the rule, an administrator looks at your request first.
forgot-address = Address of your account
forgot-ask = Ask for a link
forgot-back = Back to signing in
reset-title = Choose a new password
reset-intro = You will be signed out everywhere, and sign in with the new password then.
new-password = New password
reset-set = Set the password
reset-again = Ask for another link

## One’s own account

account-title = Your account
save = Save
account-address = You sign in as { $email }.
account-present-password = Present password
account-change-password = Change the password
account-sessions-end = Your other sessions end.
account-reset = Password reset
account-reset-asked = Somebody asked on { $when } for your password to be reset. If it was not you, withdraw it.
account-reset-withdraw = Withdraw the request
tenants = Tenants
account-this-session = this session
account-switch = Switch
more = More
more-for = More for { $name }
account-leave = Leave { $tenant }
account-invitations = { $n ->
    [one] { $n } invitation waits for you.
   *[other] { $n } invitations wait for you.
}
sessions = Sessions
account-unknown-client = unknown client
account-last-seen = last seen { $when }
account-this-one = this one
end = End
account-end-all = End all sessions, this one too
