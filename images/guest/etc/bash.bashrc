# For commands over SSH, which read no profile.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
