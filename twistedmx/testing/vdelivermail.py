"""As much of vpopmail's vdelivermail as a small /var/qmail needs: a program for the shell, which knows nothing of this package.

It stands in a domain's .qmail-default, and qmail-local starts it in the folder of the domain, with the message on descriptor 0. It
does what vdelivermail.c does for an account of vpasswd, and with mail for nobody. Of quotas it knows those in octets alone; there
are no aliases of a database, and no filters.
"""

from typing import Final

VDELIVERMAIL: Final = r"""#!/bin/sh
# vdelivermail '' ACTION: what is mail for nobody of the domain to come to: bounce-no-mailbox, delete, or an address.
user=$(printf %s "$EXT" | tr A-Z a-z)

put() {
    printf '%s%s' "$RPLINE" "$DTLINE" && cat
}

forward() {
    envelope=$(mktemp) || exit 111
    printf 'F%s\0T%s\0\0' "$SENDER" "$1" > "$envelope"
    { printf %s "$DTLINE" && cat; } | "${0%/vpopmail/*}/bin/qmail-queue" 1< "$envelope"
    status=$?
    rm -f "$envelope"
    test $status = 0 || exit 111
}

deliver() {
    name=$(date +%s).$$.$(uname -n)
    size=$(put | tee "$1/tmp/$name" | wc -c) || exit 111
    case $2 in
        *S)
            used=$(awk 'NR > 1 { used += $1 } END { print used + 0 }' "$1/maildirsize" 2> /dev/null || echo 0)
            if test $((used + size)) -gt "${2%S}"; then
                rm -f "$1/tmp/$name"
                echo 'user is over quota'
                exit 100
            fi
            echo "$size 1" >> "$1/maildirsize"
    esac
    mv "$1/tmp/$name" "$1/new/$name,S=$size" || exit 111
}

while IFS=: read -r name _ _ flags _ folder quota _ <&3; do
    test "$name" = "$user" || continue
    if test $((flags & 16)) != 0; then
        echo "vdelivermail: account is locked email bounced <$user@$HOST>"
        exit 100
    fi
    deliver "$folder/Maildir" "$quota"
    exit 0
done 3< vpasswd

case $2 in
    bounce-no-mailbox) echo 'Sorry, no mailbox here by that name. (#5.1.1)'; exit 100 ;;
    delete) cat > /dev/null ;;
    *@*) forward "$2" ;;
    *) echo "vdelivermail: $2 is no action of this one"; exit 111 ;;
esac
"""
