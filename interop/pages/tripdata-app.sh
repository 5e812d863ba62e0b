curl --location '{{host}}/connect/token' \
--header 'Content-Type: application/x-www-form-urlencoded' \
--data-urlencode 'grant_type=password' \
--data-urlencode 'client_id=YOUR_CLIENT_ID' \
--data-urlencode 'password=@Password123' \
--data-urlencode 'username=account@tripdata.vn'
