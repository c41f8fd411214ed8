"""Tables of other packages. The queue's Schedule runs any callable by its name: that is no form for a web page."""

from django.apps import apps
from django.contrib import admin

for model in apps.get_app_config("django_q").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)

admin.site.site_header = "Engine administration"
admin.site.site_title = "Engine"
admin.site.index_title = "Repair what is on record"
admin.site.site_url = "/"
