

policystatus-pages
k

operations]2[
Y*W

idacme.status

methodGET

path	/status

public 

tierread